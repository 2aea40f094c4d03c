// Large pages for large tables that are read at random: with small ones, the processor misses in its
// cache of addresses at nearly every read.
#pragma once

#include <cstdint>

#include "precisekit/core/types.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace precisekit {

// Uninitialised memory as Buffer's, on large pages where it is large and the system grants them.
inline Buffer table_buffer(Index size) {
  Buffer buffer(size);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t kPage = 4096, kLarge = std::uintptr_t(1) << 21;
  const auto begin = (reinterpret_cast<std::uintptr_t>(buffer.data()) + kPage - 1) / kPage * kPage;
  const auto end = reinterpret_cast<std::uintptr_t>(buffer.data() + size) / kPage * kPage;
  // A wish only: what it returns does not matter.
  if (end >= begin + kLarge) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return buffer;
}

}  // namespace precisekit
