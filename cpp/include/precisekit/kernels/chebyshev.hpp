// Chebyshev polynomials on blocks, and sums of products of rows.
#pragma once

#include "precisekit/kernels/simd.hpp"
#include "precisekit/kernels/table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

// With a = |x|, T_k(a) = T_{k-1}(a) + D_k and D_k = D_{k-1} + 2 (a - 1) T_{k-1}(a) (Reinsch's form of
// the recurrence): near a = 1, where the usual one multiplies rounding errors by k, they only add.
// T_k(x) = +-T_k(a) by parity.
inline void chebyshev_basis(Index cols, Index n_kept, const Index* kept, const double* x,
                            double* state, Index k, double* T) {
  double* const t_state = state;
  double* const d_state = state + kStride;
  for (Index s = 0; s < cols; s += kLanes) {
    const Vec point = load(x + s);
    const IntVec sign = bits(point) & sign_mask();
    const Vec a = abs(point);
    const Vec h = 2.0 * (a - 1.0);
    Vec t = k == 0 ? 1.0 + 0.0 * a : load(t_state + s);  // NaN stays NaN
    Vec d = k == 0 ? 0.5 * -h : load(d_state + s);       // D_0 = T_0 - T_{-1} = 1 - a
    Index degree = k;
    double* row = T + (n_kept - 1) * kStride + s;
    for (Index i = 0; i < n_kept; ++i, row -= kStride) {
      for (; degree < kept[i]; ++degree) {
        d += h * t;
        t += d;
      }
      store(row, degree % 2 ? from_bits(bits(t) ^ sign) : t);
    }
    store(t_state + s, t);
    store(d_state + s, d);
  }
}

inline void sum_of_products(Index cols, Index rows, const double* A, const double* B, double* out) {
  for (Index s = 0; s < cols; s += kLanes) {
    Vec sum = {};
    for (Index r = 0; r < rows; ++r) sum += load(A + r * kStride + s) * load(B + r * kStride + s);
    store(out + s, sum);
  }
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
