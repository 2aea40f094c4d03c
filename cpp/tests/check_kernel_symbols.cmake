# cmake -DNM=nm "-DOBJECTS=a.o;b.o" -P check_kernel_symbols.cmake
#
# Fails when two objects define the same weak or unique symbol. The linker would keep one of the two
# for all callers, and code built for AVX-512 could be called on a machine that has none.
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} --defined-only --format=posix ${object}
    OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+ [WwVvu] " symbols "${listing}")
  list(LENGTH symbols count)
  message(STATUS "${object}: ${count} weak symbols")
  foreach(symbol IN LISTS symbols)
    if(symbol IN_LIST all_symbols)
      message(SEND_ERROR "shared by two kernel builds: ${symbol}")
    endif()
  endforeach()
  list(APPEND all_symbols ${symbols})
endforeach()
list(LENGTH all_symbols count)
if(count EQUAL 0)
  message(SEND_ERROR "no weak symbol at all: the check has lost its objects")
endif()
