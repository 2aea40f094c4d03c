# find_package(precisekit) for the headers inside the installed Python package:
#
#   cmake -Dprecisekit_DIR=$(python -m precisekit --cmakedir) ...
#   target_link_libraries(app PRIVATE precisekit::precisekit)
#
# All paths are relative to this file, so that the package may be installed anywhere.
include(CMakeFindDependencyMacro)
find_dependency(Threads)

if(NOT TARGET precisekit::precisekit)
  get_filename_component(precisekit_root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
  add_library(precisekit::precisekit INTERFACE IMPORTED)
  target_include_directories(precisekit::precisekit INTERFACE "${precisekit_root}/include")
  target_compile_features(precisekit::precisekit INTERFACE cxx_std_17)
  target_link_libraries(precisekit::precisekit INTERFACE Threads::Threads)
  unset(precisekit_root)
endif()
