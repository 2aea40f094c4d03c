// Products of truncated Taylor series, coefficient by coefficient, on blocks.
#pragma once

#include "precisekit/kernels/simd.hpp"
#include "precisekit/kernels/table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

inline void series_product(Index cols, Index rows, int k, int first, int last, const double* X,
                           const double* Y, Index series_stride, double scale, const double* addend,
                           double* out) {
  constexpr int kVecs = 4;  // independent sums hide the latency of the multiply-add
  for (Index row = 0; row < rows; ++row) {
    for (Index s = 0; s < cols; s += kVecs * kLanes) {
      const Index at = row * kStride + s;
      Vec sum[kVecs] = {};
      const double* x = X + first * series_stride + at;
      const double* y = Y + (k - first) * series_stride + at;
      for (int j = first; j <= last; ++j, x += series_stride, y -= series_stride) {
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) sum[v] += load(x + v * kLanes) * load(y + v * kLanes);
      }
      for (int v = 0; v < kVecs; ++v) {
        const Vec scaled = scale * sum[v];
        store(out + at + v * kLanes, addend ? load(addend + at + v * kLanes) + scaled : scaled);
      }
    }
  }
}

inline void series_correct(Index cols, Index rows, int k, const double* dz, const double* u0,
                           double* zk, double* a, double* da) {
  for (Index row = 0; row < rows; ++row) {
    for (Index s = row * kStride; s < row * kStride + cols; s += kLanes) {
      const Vec direction = load(dz + s);
      const Vec change = load(u0 + s) * direction;
      store(da + s, change);
      store(a + s, load(a + s) + change);
      store(zk + s, load(zk + s) + double(k) * direction);
    }
  }
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
