// The hot loops as a table of functions, one table per instruction set.
//
// All of them work on *blocks*: the values of some units (rows) for up to kBlock samples (columns,
// contiguous), rows kStride doubles apart. The number of columns passed is a multiple of
// kColumnMultiple; columns past the last sample are padding that callers keep finite.
#pragma once

#include <cstddef>
#include <cstdint>

namespace precisekit {

using Index = std::ptrdiff_t;

// sigma of a layer. Relu has no Taylor series at its kink: Taylor-LM falls back to order 1 there.
enum class Activation { identity, tanh, relu, sin, sigmoid, gelu };

namespace kernels {

constexpr Index kBlock = 128;
constexpr Index kStride = kBlock + 8;  // one cache line more, so that rows do not share cache sets
constexpr Index kColumnMultiple = 32;

// Points are stored in blocks of kPointBlock: d rows of coordinates and one of lifts (below), the
// point index contiguous. Padding is NaN, which no scan ever chooses.
constexpr Index kPointBlock = 64;

// The least value so far, and the point that has it (-1: none).
struct PointValue {
  double value;
  Index at;
};

// A sphere through `base` whose center moves along `direction`: with u = x - base, the power of a
// point x at step s is u'(u - twice_center) - s alpha, alpha = u'direction. Sought: the point with
// alpha > min_alpha whose power vanishes at the least s >= 0.
//
// Powers count as zero up to `slack`, a multiple of the diameter of the sphere, and all points whose
// power is zero at the least step are a tie. (As in Harris' ratio test, the `bound` of that step comes
// from the point that determines it best: a small alpha turns rounding into a large error of s.) A tie
// is broken as if each point's squared norm were raised by an infinitesimal multiple of a number of
// its own, its lift: base_lift + u'lift_slope interpolates the lifts of the points that the sphere
// goes through, and the tied point with the least rate (lift above that, over alpha) wins.
struct SphereSweep {
  const double* base;
  const double* twice_center;
  const double* direction;
  const double* lift_slope;
  double base_lift;
  double min_alpha;
  double relative_slack;
  const Index* members;  // the points that the sphere goes through, never met again
  Index n_members;

  // What is known so far.
  Index at;                   // the point met first, -1 while there is none
  double power, alpha, rate;  // its own
  double step, bound, slack, diameter_squared;
  bool tied;      // with a point that it won against
  bool doubtful;  // such a winner turned out not to be met first: sweep again from this bound
};

// Splines (kernels/spline.hpp).
constexpr int kSplineLanes = 4;
constexpr int kSplineMaxAxes = 6;
constexpr int kSplineMaxDegree = 9;
constexpr Index kSplineNear = 8192;  // doubles that the nearest caches hold: no need to prefetch

// Vectors of kSplineLanes that hold degree + 1 numbers.
constexpr int spline_quads(int degree) { return degree / kSplineLanes + 1; }

// The pieces of one axis, breaks[0] < ... < breaks[n_pieces], and how to find them. With
// p = (x - origin) * slope: on a nearly uniform axis floor(p) is the piece, or a neighbour of it;
// else a point of bin floor(p) is in one of the pieces first_piece[bin] .. first_piece[bin + 1].
struct SplineGrid {
  const double* breaks;
  Index n_pieces;
  double origin, slope;
  const std::int32_t* first_piece;  // null on a nearly uniform axis
  Index n_bins;
};

// One axis of a tensor-product spline at the points of a block. The table holds for each piece and
// each power of t the coefficients of its degree + 1 B-splines, padded to whole vectors.
struct SplineBasis {
  int degree;
  int order;              // of the derivative
  const double* factors;  // of the powers: j! / (j - order)!
  const double* table;
  Index stride;  // from one coefficient to the next along the axis
  const std::int32_t* piece;
  const double* t;
};

struct Table {
  const char* isa;

  // C_j = bias_j + sum_k W[j * row_stride + k * col_stride] * A_k, over n_out rows j and n_in rows
  // k. A null bias is zero; `accumulate` starts from C instead; a multiplier D gives D_j * (...).
  void (*affine)(Index cols, Index n_out, Index n_in, const double* W, Index row_stride,
                 Index col_stride, const double* bias, const double* multiplier, const double* A,
                 double* C, bool accumulate);

  // The same for rows of W one after the other and a bias, as if it were rounded but once.
  void (*compensated_affine)(Index cols, Index n_out, Index n_in, const double* W,
                             const double* bias, const double* A, double* C);

  // G[j * n_a + k] += sum_s E_j[s] A_k[s];  g[j] += sum_s E_j[s].
  void (*accumulate_gradient)(Index cols, Index n_e, Index n_a, const double* E, const double* A,
                              double* G, double* g);

  // out[(i * n_y + j) * ld + s] = X_i[s] Y_j[s] for s < n_samples (any number up to kBlock).
  void (*pair_products)(Index n_samples, Index n_x, Index n_y, const double* X, const double* Y,
                        double* out, Index ld);

  // a = sigma(z), and, where not null, d1 = sigma'(z), d2 = sigma''(z). a may be z.
  void (*activate)(Activation sigma, Index cols, Index rows, const double* z, double* a, double* d1,
                   double* d2);

  // Taylor series stored order by order, `series_stride` doubles apart:
  // out = addend + scale * sum_{j=first}^{last} X_j Y_{k-j}; a null addend is zero.
  void (*series_product)(Index cols, Index rows, int k, int first, int last, const double* X,
                         const double* Y, Index series_stride, double scale, const double* addend,
                         double* out);

  // The terms that a direction of order k adds to coefficient k of a layer:
  // da = u0 dz;  a += da;  zk += k dz   (zk holds k times the coefficient of z).
  void (*series_correct)(Index cols, Index rows, int k, const double* dz, const double* u0,
                         double* zk, double* a, double* da);

  // T_k(x) for the `kept` degrees k (ascending, at least one), in rows of descending degree, so that
  // sums over them begin with what is small. `state` (two rows) goes on from one call to the next:
  // `k` is the last degree that the call before kept, or 0 at first, when it is not read.
  void (*chebyshev_basis)(Index cols, Index n_kept, const Index* kept, const double* x,
                          double* state, Index k, double* T);

  // out[s] = sum_r A_r[s] B_r[s].
  void (*sum_of_products)(Index cols, Index rows, const double* A, const double* B, double* out);

  // The point with the least sum_k u_k (curvature u_k + slope_k), u = x - base, if that is less than
  // lowest.value; `at` counts from the first block.
  void (*lowest_point)(Index n_blocks, Index d, const double* blocks, const double* base,
                       double curvature, const double* slope, PointValue& lowest);

  // Goes on with a sweep (bound = infinity and slack = 0 at its start); `at` counts from first_point.
  void (*first_on_sphere)(Index n_blocks, Index d, const double* blocks, Index first_point,
                          SphereSweep& sweep);

  // The piece of each of up to kBlock points x[s * stride], and its place there, t from -1/2 to 1/2;
  // those outside are given the first or the last piece. Whether all points lie inside.
  bool (*spline_locate)(const SplineGrid& grid, Index n, const double* x, Index stride,
                        std::int32_t* piece, double* t);

  // Derivative `order` with respect to t of the piecewise polynomial with coefficients
  // table[(piece * (degree + 1) + power) * channels + channel].
  void (*spline_polynomials)(Index n, int degree, int order, const double* factors, Index channels,
                             const std::int32_t* piece, const double* t, const double* table,
                             Index table_size, double* out);

  // Sums of products of B-splines, with respect to t on each axis. Reads up to 3 coefficients past
  // the last one.
  void (*spline_tensor)(Index n, int n_axes, const SplineBasis* axes, Index channels,
                        const double* coefficients, Index size, double* out);
};

}  // namespace kernels
}  // namespace precisekit
