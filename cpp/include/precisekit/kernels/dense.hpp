// Dense layers on blocks: register-tiled products of small matrices with blocks of samples.
#pragma once

#include "precisekit/kernels/simd.hpp"
#include "precisekit/kernels/table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

// Register tiles: kTileVecs vectors of samples times kTileRows units (forward), and
// kGradRows x kGradCols pairs of units (gradient). They fill the registers of each set.
constexpr int kTileVecs = kLanes == 8 ? 4 : 2;
constexpr int kTileRows = kLanes == 2 ? 4 : 5;
constexpr int kGradRows = kLanes == 8 ? 4 : 3;
constexpr int kGradCols = kLanes == 8 ? 5 : 4;

struct AffineArguments {
  Index n_in;
  const double* W;
  Index row_stride, col_stride;
  const double* bias;
  const double* multiplier;
  const double* A;
  double* C;

  void skip_columns(Index count) {
    W += count * col_stride;
    A += count * kStride;
  }
};

// Rows j and on of C at the samples s and on, from the rows of W that begin at w. The loops over the
// tile are unrolled so that its sums live in registers from first to last.
template <int rows, bool accumulate, bool multiply>
inline void affine_tile(const AffineArguments& p, const double* w, Index j, Index s) {
  Vec sum[rows][kTileVecs];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kTileVecs; ++v) {
      sum[r][v] = accumulate ? load(p.C + (j + r) * kStride + s + v * kLanes)
                             : broadcast(p.bias ? p.bias[j + r] : 0.0);
    }
  }
  const double* a = p.A + s;
  for (Index k = 0; k < p.n_in; ++k, a += kStride, w += p.col_stride) {
    Vec x[kTileVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kTileVecs; ++v) x[v] = load(a + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const Vec weight = broadcast(w[r * p.row_stride]);
#pragma GCC unroll 8
      for (int v = 0; v < kTileVecs; ++v) sum[r][v] += weight * x[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kTileVecs; ++v) {
      const Index at = (j + r) * kStride + s + v * kLanes;
      store(p.C + at, multiply ? load(p.multiplier + at) * sum[r][v] : sum[r][v]);
    }
  }
}

// Up to kTileRows rows.
template <bool accumulate, bool multiply>
inline void affine_rows(const AffineArguments& p, const double* w, Index j, Index rows, Index s) {
  if (rows == kTileRows) return affine_tile<kTileRows, accumulate, multiply>(p, w, j, s);
  Index r = 0;
  for (; r + 2 <= rows; r += 2) {
    affine_tile<2, accumulate, multiply>(p, w + r * p.row_stride, j + r, s);
  }
  if (r < rows) affine_tile<1, accumulate, multiply>(p, w + r * p.row_stride, j + r, s);
}

template <bool accumulate, bool multiply>
inline void affine_tiles(const AffineArguments& p, Index cols, Index n_out) {
  for (Index s = 0; s < cols; s += kTileVecs * kLanes) {
    for (Index j = 0; j < n_out; j += kTileRows) {
      const Index rows = n_out - j < kTileRows ? n_out - j : kTileRows;
      affine_rows<accumulate, multiply>(p, p.W + j * p.row_stride, j, rows, s);
    }
  }
}

// The same for a wide layer whose W is not read along its rows: what a tile takes of it, a panel of
// columns at a time, is first copied to one place, and read there for all samples.
constexpr Index kPanel = 256;

template <bool accumulate, bool multiply>
inline void affine_panel(const AffineArguments& p, Index cols, Index n_out) {
  double tile[kTileRows * kPanel];
  AffineArguments packed = p;
  packed.row_stride = 1;
  packed.col_stride = kTileRows;
  for (Index j = 0; j < n_out; j += kTileRows) {
    const Index rows = n_out - j < kTileRows ? n_out - j : kTileRows;
    const double* w = p.W + j * p.row_stride;
    for (Index k = 0; k < p.n_in; ++k, w += p.col_stride) {
      for (Index r = 0; r < rows; ++r) tile[k * kTileRows + r] = w[r * p.row_stride];
    }
    for (Index s = 0; s < cols; s += kTileVecs * kLanes) {
      affine_rows<accumulate, multiply>(packed, tile, j, rows, s);
    }
  }
}

template <bool accumulate, bool multiply>
inline void affine_panels(AffineArguments p, Index cols, Index n_out) {
  const Index n_in = p.n_in;
  if (n_in <= kPanel) return affine_panel<accumulate, multiply>(p, cols, n_out);
  p.n_in = kPanel;
  affine_panel<accumulate, false>(p, cols, n_out);
  p.skip_columns(kPanel);
  Index left = n_in - kPanel;
  for (; left > kPanel; left -= kPanel) {
    affine_panel<true, false>(p, cols, n_out);
    p.skip_columns(kPanel);
  }
  p.n_in = left;
  affine_panel<true, multiply>(p, cols, n_out);
}

template <bool accumulate, bool multiply>
inline void affine_layer(const AffineArguments& p, Index cols, Index n_out) {
  constexpr Index kWide = 64;
  p.col_stride > kWide ? affine_panels<accumulate, multiply>(p, cols, n_out)
                       : affine_tiles<accumulate, multiply>(p, cols, n_out);
}

inline void affine(Index cols, Index n_out, Index n_in, const double* W, Index row_stride,
                   Index col_stride, const double* bias, const double* multiplier, const double* A,
                   double* C, bool accumulate) {
  const AffineArguments p{n_in, W, row_stride, col_stride, bias, multiplier, A, C};
  if (accumulate) {
    multiplier ? affine_layer<true, true>(p, cols, n_out)
               : affine_layer<true, false>(p, cols, n_out);
  } else {
    multiplier ? affine_layer<false, true>(p, cols, n_out)
               : affine_layer<false, false>(p, cols, n_out);
  }
}

// The sum and what each of its additions lost, which is summed as well (Ogita, Rump and Oishi, 2005):
// a twentieth of the time of a forward pass, for an output.
inline void compensated_affine(Index cols, Index n_out, Index n_in, const double* W,
                               const double* bias, const double* A, double* C) {
  for (Index j = 0; j < n_out; ++j, W += n_in) {
    for (Index s = 0; s < cols; s += kTileVecs * kLanes) {
      Vec sum[kTileVecs], lost[kTileVecs] = {};
      for (int v = 0; v < kTileVecs; ++v) sum[v] = broadcast(bias[j]);
      for (Index k = 0; k < n_in; ++k) {
        const Vec weight = broadcast(W[k]);
#pragma GCC unroll 8
        for (int v = 0; v < kTileVecs; ++v) {
          const Vec a = load(A + k * kStride + s + v * kLanes), before = sum[v];
          sum[v] += weight * a;
          const Vec added = sum[v] - before;
          lost[v] += (before - (sum[v] - added)) + (weight * a - added);
        }
      }
      for (int v = 0; v < kTileVecs; ++v) {
        const IntVec finite = lost[v] == lost[v];  // and not inf - inf
        store(C + j * kStride + s + v * kLanes, sum[v] + select(finite, lost[v], Vec{}));
      }
    }
  }
}

template <int rows, int cols_tile>
inline void gradient_tile(Index cols, Index n_a, const double* E, const double* A, double* G) {
  constexpr int kSums = rows * cols_tile;
  constexpr int kPadded = (kSums + kLanes - 1) / kLanes * kLanes;
  Vec sum[kPadded] = {};
  for (Index s = 0; s < cols; s += kLanes) {
    Vec a[cols_tile];
#pragma GCC unroll 8
    for (int k = 0; k < cols_tile; ++k) a[k] = load(A + k * kStride + s);
#pragma GCC unroll 8
    for (int j = 0; j < rows; ++j) {
      const Vec e = load(E + j * kStride + s);
#pragma GCC unroll 8
      for (int k = 0; k < cols_tile; ++k) sum[j * cols_tile + k] += e * a[k];
    }
  }
  double total[kPadded];
  for (int i = 0; i < kPadded; i += kLanes) store(total + i, sums_of_lanes(sum + i));
  for (int j = 0; j < rows; ++j) {
    for (int k = 0; k < cols_tile; ++k) G[j * n_a + k] += total[j * cols_tile + k];
  }
}

template <int rows>
inline void gradient_rows(Index cols, Index first, Index last, Index n_a, const double* E,
                          const double* A, double* G) {
  Index k = first;
  for (; k + kGradCols <= last; k += kGradCols) {
    gradient_tile<rows, kGradCols>(cols, n_a, E, A + k * kStride, G + k);
  }
  for (; k < last; ++k) gradient_tile<rows, 1>(cols, n_a, E, A + k * kStride, G + k);
}

inline void accumulate_gradient(Index cols, Index n_e, Index n_a, const double* E, const double* A,
                                double* G, double* g) {
  constexpr Index kRows = 20;  // of A, that stay in the first-level cache
  for (Index first = 0; first < n_a; first += kRows) {
    const Index last = first + kRows < n_a ? first + kRows : n_a;
    Index j = 0;
    for (; j + kGradRows <= n_e; j += kGradRows) {
      gradient_rows<kGradRows>(cols, first, last, n_a, E + j * kStride, A, G + j * n_a);
    }
    for (; j < n_e; ++j) {
      gradient_rows<1>(cols, first, last, n_a, E + j * kStride, A, G + j * n_a);
    }
  }
  for (Index j = 0; j < n_e; j += kLanes) {
    const Index rows = j + kLanes <= n_e ? kLanes : n_e - j;
    Vec sum[kLanes] = {};
    for (Index r = 0; r < rows; ++r) {
      for (Index s = 0; s < cols; s += kLanes) sum[r] += load(E + (j + r) * kStride + s);
    }
    double total[kLanes];
    store(total, sums_of_lanes(sum));
    for (Index r = 0; r < rows; ++r) g[j + r] += total[r];
  }
}

inline void pair_products(Index n_samples, Index n_x, Index n_y, const double* X, const double* Y,
                          double* out, Index ld) {
  const Index whole = n_samples - n_samples % kLanes;
  for (Index i = 0; i < n_x; ++i) {
    const double* x = X + i * kStride;
    for (Index j = 0; j < n_y; ++j, out += ld) {
      const double* y = Y + j * kStride;
      for (Index s = 0; s < whole; s += kLanes) store(out + s, load(x + s) * load(y + s));
      for (Index s = whole; s < n_samples; ++s) out[s] = x[s] * y[s];
    }
  }
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
