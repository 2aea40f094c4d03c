// Vectors of doubles and the few operations on them that the kernels share.
//
// Everything lives in a namespace named after the instruction set that the translation unit is
// compiled for, so that objects built for different sets can be linked together without sharing a
// single (weak) symbol.
#pragma once

#include <cstdint>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define PRECISEKIT_ISA avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define PRECISEKIT_ISA avx2
#elif defined(__SSE2__)
#define PRECISEKIT_ISA sse2
#else
#define PRECISEKIT_ISA generic
#endif
#define PRECISEKIT_STRINGIFY_(x) #x
#define PRECISEKIT_STRINGIFY(x) PRECISEKIT_STRINGIFY_(x)

namespace precisekit::kernels::PRECISEKIT_ISA {

#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr int kLanes = 8;
#elif defined(__AVX2__) && defined(__FMA__)
constexpr int kLanes = 4;
#else
constexpr int kLanes = 2;
#endif

typedef double Vec __attribute__((vector_size(kLanes * sizeof(double))));
typedef std::int64_t IntVec __attribute__((vector_size(kLanes * sizeof(double))));
typedef double UnalignedVec
    __attribute__((vector_size(kLanes * sizeof(double)), aligned(alignof(double)), may_alias));

inline Vec broadcast(double x) { return x - Vec{}; }  // x - 0 is x, also for -0
inline Vec load(const double* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(double* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }

// The sum of each of kLanes vectors, in their order: a transposition by halves, adding on the way.
inline Vec sums_of_lanes(const Vec* v) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
  Vec pairs[4], quads[2];
  for (int i = 0; i < 4; ++i) {
    const Vec a = v[2 * i], b = v[2 * i + 1];
    pairs[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 2; ++i) {
    const Vec a = pairs[2 * i], b = pairs[2 * i + 1];
    quads[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  return __builtin_shufflevector(quads[0], quads[1], 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(quads[0], quads[1], 4, 5, 6, 7, 12, 13, 14, 15);
#elif defined(__AVX2__) && defined(__FMA__)
  Vec pairs[2];
  for (int i = 0; i < 2; ++i) {
    const Vec a = v[2 * i], b = v[2 * i + 1];
    pairs[i] =
        __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
  }
  return __builtin_shufflevector(pairs[0], pairs[1], 0, 1, 4, 5) +
         __builtin_shufflevector(pairs[0], pairs[1], 2, 3, 6, 7);
#else
  return __builtin_shufflevector(v[0], v[1], 0, 2) + __builtin_shufflevector(v[0], v[1], 1, 3);
#endif
}

inline IntVec bits(Vec v) { return reinterpret_cast<IntVec>(v); }
inline Vec from_bits(IntVec v) { return reinterpret_cast<Vec>(v); }
inline IntVec sign_mask() { return bits(broadcast(-0.0)); }
inline Vec abs(Vec x) { return from_bits(bits(x) & ~sign_mask()); }
inline Vec select(IntVec mask, Vec if_true, Vec if_false) {
  return from_bits((bits(if_true) & mask) | (bits(if_false) & ~mask));
}
inline bool any(IntVec mask) {
  std::int64_t united = 0;
  for (int i = 0; i < kLanes; ++i) united |= mask[i];
  return united != 0;
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
