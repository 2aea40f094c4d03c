// Compiled once per instruction set, with the flags of that set (see CMakeLists.txt).
#include "precisekit/kernels/build_table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {
const Table& compiled_table() noexcept { return table(); }
}  // namespace precisekit::kernels::PRECISEKIT_ISA
