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

// The two numbers at p + 2 k, for each k of a vector: whole pairs are loaded, which takes half as
// many loads as gathering each, and less time than the machine's own gathering.
inline void load_pairs(const double* p, IntVec k, Vec& first, Vec& second) {
  typedef double Pair __attribute__((vector_size(16), aligned(alignof(double)), may_alias));
  const auto pair = [&](int lane) { return *reinterpret_cast<const Pair*>(p + 2 * k[lane]); };
#if defined(__AVX512F__) && defined(__AVX512DQ__)
  typedef double Quad __attribute__((vector_size(32)));
  const auto two = [&](int lane) -> Quad {
    return __builtin_shufflevector(pair(lane), pair(lane + 1), 0, 1, 2, 3);
  };
  const Vec a = __builtin_shufflevector(two(0), two(2), 0, 1, 2, 3, 4, 5, 6, 7);
  const Vec b = __builtin_shufflevector(two(4), two(6), 0, 1, 2, 3, 4, 5, 6, 7);
  first = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
  second = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#elif defined(__AVX2__) && defined(__FMA__)
  const Vec a = __builtin_shufflevector(pair(0), pair(2), 0, 1, 2, 3);
  const Vec b = __builtin_shufflevector(pair(1), pair(3), 0, 1, 2, 3);
  first = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  second = __builtin_shufflevector(a, b, 1, 5, 3, 7);
#else
  first = __builtin_shufflevector(pair(0), pair(1), 0, 2);
  second = __builtin_shufflevector(pair(0), pair(1), 1, 3);
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
