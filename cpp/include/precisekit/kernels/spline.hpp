// Tensor-product splines at scattered points: where each point lies, and the sums of products there.
//
// One axis alone is a table of polynomials, one a piece. With more axes, each has a table of its
// basis functions: the degree + 1 B-splines that do not vanish on a piece, as polynomials side by
// side, so that one Horner scheme in vector registers gives them all.
#pragma once

#include "precisekit/kernels/simd.hpp"
#include "precisekit/kernels/table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

// Four doubles whatever the instruction set: one layout of the tables for all of them.
typedef double Quad __attribute__((vector_size(kSplineLanes * sizeof(double))));
typedef double UnalignedQuad __attribute__((vector_size(kSplineLanes * sizeof(double)),
                                            aligned(alignof(double)), may_alias));
static_assert(kSplineLanes == 4, "Quad");

// Asks for the cache lines of what lies at p.
inline void fetch(const double* p, Index size) {
  for (Index i = 0; i < size; i += 8) __builtin_prefetch(p + i);
}

// Where few comparisons must correct the first guess, their results are added, not branched on.
inline Index correct_guess(const SplineGrid& g, Index i, double x) {
  i += Index(x >= g.breaks[i + 1]) & Index(i + 1 < g.n_pieces);
  i -= Index(x < g.breaks[i]) & Index(i > 0);
  return i;
}

inline Index search_bin(const SplineGrid& g, Index bin, double x) {
  Index low = g.first_piece[bin], high = g.first_piece[bin + 1];
  while (low < high) {
    const Index middle = (low + high + 1) / 2;
    if (x >= g.breaks[middle]) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

inline bool spline_locate(const SplineGrid& g, Index n, const double* x, Index stride,
                          std::int32_t* piece, double* t) {
  double at[kBlock], low[kBlock], high[kBlock];
  for (Index s = 0; s < n; ++s) at[s] = x[s * stride];
  const double top = double((g.first_piece ? g.n_bins : g.n_pieces) - 1);
  for (Index s = 0; s < n; ++s) {
    double position = (at[s] - g.origin) * g.slope;
    position = position > 0.0 ? position : 0.0;  // NaN too
    position = position < top ? position : top;
    piece[s] = std::int32_t(position);
  }
  if (!g.first_piece) {
    if (g.n_pieces > kSplineNear) {
      for (Index s = 0; s < n; ++s) __builtin_prefetch(g.breaks + piece[s]);
    }
    for (Index s = 0; s < n; ++s) piece[s] = std::int32_t(correct_guess(g, piece[s], at[s]));
  } else {
    for (Index s = 0; s < n; ++s) piece[s] = std::int32_t(search_bin(g, piece[s], at[s]));
  }
  for (Index s = 0; s < n; ++s) {
    low[s] = g.breaks[piece[s]];
    high[s] = g.breaks[piece[s] + 1];
  }
  const double first = g.breaks[0], last = g.breaks[g.n_pieces];
  Index outside = 0;
  for (Index s = 0; s < n; ++s) {
    t[s] = (at[s] - 0.5 * (low[s] + high[s])) / (high[s] - low[s]);
    outside += Index(!(at[s] >= first)) | Index(!(at[s] <= last));
  }
  return outside == 0;
}

template <int degree>
inline void polynomials(Index n, const std::int32_t* piece, const double* t, const double* table,
                        double* out) {
  for (Index s = 0; s < n; ++s) {
    const double* c = table + piece[s] * (degree + 1);
    double sum = c[degree];
#pragma GCC unroll 16
    for (int j = degree - 1; j >= 0; --j) sum = sum * t[s] + c[j];
    out[s] = sum;
  }
}

// Any degree, any number of channels (the last axis of the table), any derivative: factors[j] is
// j! / (j - order)!, and 1 for the function itself.
inline void polynomials_of_channels(Index n, int degree, int order, const double* factors,
                                    Index channels, const std::int32_t* piece, const double* t,
                                    const double* table, double* out) {
  for (Index s = 0; s < n; ++s) {
    const double* c = table + piece[s] * (degree + 1) * channels;
    for (Index o = 0; o < channels; ++o) {
      double sum = 0.0;
      for (int j = degree; j >= order; --j) sum = sum * t[s] + factors[j] * c[j * channels + o];
      out[s * channels + o] = sum;
    }
  }
}

inline void spline_polynomials(Index n, int degree, int order, const double* factors,
                               Index channels, const std::int32_t* piece, const double* t,
                               const double* table, Index table_size, double* out) {
  if (table_size > kSplineNear) {
    const Index record = (degree + 1) * channels;
    for (Index s = 0; s < n; ++s) fetch(table + piece[s] * record, record < 32 ? record : 32);
  }
  if (channels == 1 && order == 0) {
    switch (degree) {
      case 1: return polynomials<1>(n, piece, t, table, out);
      case 2: return polynomials<2>(n, piece, t, table, out);
      case 3: return polynomials<3>(n, piece, t, table, out);
      case 4: return polynomials<4>(n, piece, t, table, out);
      case 5: return polynomials<5>(n, piece, t, table, out);
      case 6: return polynomials<6>(n, piece, t, table, out);
      case 7: return polynomials<7>(n, piece, t, table, out);
      case 8: return polynomials<8>(n, piece, t, table, out);
      case 9: return polynomials<9>(n, piece, t, table, out);
    }
  }
  polynomials_of_channels(n, degree, order, factors, channels, piece, t, table, out);
}

// The basis functions of one axis at one point: quads * 4 numbers, the last ones zero.
template <int quads>
inline void basis_at(const double* table, int degree, int order, const double* factors, double t,
                     double* out) {
  Quad sum[quads] = {};
  for (int j = degree; j >= order; --j) {
    const double* row = table + j * quads * kSplineLanes;
#pragma GCC unroll 4
    for (int q = 0; q < quads; ++q) {
      const Quad c = *reinterpret_cast<const UnalignedQuad*>(row + q * kSplineLanes);
      sum[q] = order == 0 ? sum[q] * t + c : sum[q] * t + factors[j] * c;
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < quads; ++q) {
    *reinterpret_cast<UnalignedQuad*>(out + q * kSplineLanes) = sum[q];
  }
}

// One point in reach of one set of coefficients.
struct TensorPoint {
  const double* basis[kSplineMaxAxes];
  int count[kSplineMaxAxes];  // degree + 1
  Index stride[kSplineMaxAxes];
};

// sum over the axes from `axis` on of the products of their basis functions with the coefficients,
// `depth` of them, for 4 * quads neighbouring coefficients at once.
template <int depth, int quads>
inline void axis_sums(const TensorPoint& p, int axis, const double* c, Quad* sum) {
  const double* basis = p.basis[axis];
  const Index stride = p.stride[axis];
  Quad total[quads] = {};
  for (int i = 0; i < p.count[axis]; ++i, c += stride) {
    if constexpr (depth == 1) {
#pragma GCC unroll 4
      for (int q = 0; q < quads; ++q) {
        total[q] += basis[i] * *reinterpret_cast<const UnalignedQuad*>(c + q * kSplineLanes);
      }
    } else {
      Quad inner[quads];
      axis_sums<depth - 1, quads>(p, axis + 1, c, inner);
#pragma GCC unroll 4
      for (int q = 0; q < quads; ++q) total[q] += basis[i] * inner[q];
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < quads; ++q) sum[q] = total[q];
}

template <int quads>
inline void sum_over_axes(const TensorPoint& p, int depth, const double* c, Quad* sum) {
  switch (depth) {
    case 1: return axis_sums<1, quads>(p, 0, c, sum);
    case 2: return axis_sums<2, quads>(p, 0, c, sum);
    case 3: return axis_sums<3, quads>(p, 0, c, sum);
    case 4: return axis_sums<4, quads>(p, 0, c, sum);
    case 5: return axis_sums<5, quads>(p, 0, c, sum);
    default: return axis_sums<6, quads>(p, 0, c, sum);
  }
}

// One channel: the vectors run along the last axis.
template <int quads>
inline double one_channel(const TensorPoint& p, int n_axes, const double* c) {
  Quad sum[quads];
  sum_over_axes<quads>(p, n_axes - 1, c, sum);
  const double* last = p.basis[n_axes - 1];
  Quad dot = {};
#pragma GCC unroll 4
  for (int q = 0; q < quads; ++q) {
    dot += sum[q] * *reinterpret_cast<const UnalignedQuad*>(last + q * kSplineLanes);
  }
  return (dot[0] + dot[2]) + (dot[1] + dot[3]);
}

// Several: the vectors run along the channels.
template <int quads>
inline void some_channels(const TensorPoint& p, int n_axes, const double* c, Index n, double* out) {
  Quad sum[quads];
  sum_over_axes<quads>(p, n_axes, c, sum);
  for (Index o = 0; o < n; ++o) out[o] = sum[o / kSplineLanes][o % kSplineLanes];
}

// Asks for the coefficients in reach of the point s, of which each row along the last of the axes in
// `p` takes up `row` doubles; more than three axes have more rows than the caches can wait for.
inline void fetch_coefficients(const TensorPoint& p, int n_axes, const double* c, Index row) {
  const int rows = n_axes == 3 ? p.count[1] : 1;
  for (int i = 0; i < p.count[0]; ++i) {
    for (int j = 0; j < rows; ++j) fetch(c + i * p.stride[0] + j * p.stride[1], row);
  }
}

inline const double* first_coefficient(const SplineBasis* axes, int n_axes, Index s,
                                       const double* c) {
  for (int a = 0; a < n_axes; ++a) c += axes[a].piece[s] * axes[a].stride;
  return c;
}

inline void spline_tensor(Index n, int n_axes, const SplineBasis* axes, Index channels,
                          const double* coefficients, Index size, double* out) {
  constexpr Index kAhead = 4;
  constexpr int kWidest = kSplineLanes * 3;
  double basis[kSplineMaxAxes][kWidest];
  TensorPoint p;
  for (int a = 0; a < n_axes; ++a) {
    p.basis[a] = basis[a];
    p.count[a] = axes[a].degree + 1;
    p.stride[a] = axes[a].stride;
  }
  const bool far = size > kSplineNear && n_axes <= 3;
  const Index row = p.count[n_axes - 1] * channels;
  for (Index s = 0; s < n; ++s) {
    if (far && s + kAhead < n) {
      fetch_coefficients(p, n_axes, first_coefficient(axes, n_axes, s + kAhead, coefficients), row);
    }
    for (int a = 0; a < n_axes; ++a) {
      const SplineBasis& axis = axes[a];
      const int quads = spline_quads(axis.degree);
      const double* table = axis.table + axis.piece[s] * (axis.degree + 1) * quads * kSplineLanes;
      const double t = axis.t[s];
      switch (quads) {
        case 1: basis_at<1>(table, axis.degree, axis.order, axis.factors, t, basis[a]); break;
        case 2: basis_at<2>(table, axis.degree, axis.order, axis.factors, t, basis[a]); break;
        default: basis_at<3>(table, axis.degree, axis.order, axis.factors, t, basis[a]);
      }
    }
    const double* c = first_coefficient(axes, n_axes, s, coefficients);
    if (channels == 1) {
      switch (spline_quads(axes[n_axes - 1].degree)) {
        case 1: out[s] = one_channel<1>(p, n_axes, c); break;
        case 2: out[s] = one_channel<2>(p, n_axes, c); break;
        default: out[s] = one_channel<3>(p, n_axes, c);
      }
      continue;
    }
    for (Index o = 0; o < channels; o += kSplineLanes * 2) {
      const Index rest = channels - o;
      double* to = out + s * channels + o;
      if (rest > kSplineLanes) {
        some_channels<2>(p, n_axes, c + o, rest < 8 ? rest : 8, to);
      } else {
        some_channels<1>(p, n_axes, c + o, rest, to);
      }
    }
  }
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
