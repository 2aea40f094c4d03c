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

// Sum of the lanes, always in the same order.
inline double horizontal_sum(Vec v) {
  double lane[kLanes];
  store(lane, v);
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
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
