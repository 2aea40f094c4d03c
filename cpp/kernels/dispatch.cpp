// Chooses the kernels once, at first use: the widest instruction set that was built, that the
// processor has, and that the environment variable PRECISEKIT_ISA (sse2, avx2 or avx512; a cap,
// not a demand) allows.
#include <cstdlib>
#include <cstring>

#include "precisekit/kernels/active.hpp"

namespace precisekit::kernels {

#ifdef PRECISEKIT_X86_KERNELS
namespace sse2 {
const Table& compiled_table() noexcept;
}
namespace avx2 {
const Table& compiled_table() noexcept;
}
namespace avx512 {
const Table& compiled_table() noexcept;
}

namespace {

const Table& choose() noexcept {
  const char* cap = std::getenv("PRECISEKIT_ISA");
  const bool at_most_sse2 = cap && std::strcmp(cap, "sse2") == 0;
  const bool at_most_avx2 = cap && std::strcmp(cap, "avx2") == 0;
  if (at_most_sse2) return sse2::compiled_table();
  if (!at_most_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return avx512::compiled_table();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return avx2::compiled_table();
  }
  return sse2::compiled_table();
}

}  // namespace
#else
namespace generic {
const Table& compiled_table() noexcept;
}
namespace {
const Table& choose() noexcept { return generic::compiled_table(); }
}  // namespace
#endif

const Table& active() noexcept {
  static const Table& chosen = choose();
  return chosen;
}

}  // namespace precisekit::kernels
