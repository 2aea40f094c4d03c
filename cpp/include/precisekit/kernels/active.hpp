// The table of kernels in use: the best one that the processor and PRECISEKIT_ISA allow when the
// compiled kernels are linked, else the one of the including translation unit.
#pragma once

#ifdef PRECISEKIT_COMPILED_KERNELS
#include "precisekit/kernels/table.hpp"
namespace precisekit::kernels {
const Table& active() noexcept;
}
#else
#include "precisekit/kernels/build_table.hpp"
namespace precisekit::kernels {
inline const Table& active() noexcept { return PRECISEKIT_ISA::table(); }
}  // namespace precisekit::kernels
#endif
