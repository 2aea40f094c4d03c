// Tensor-product splines of any degree in B-form: values and mixed derivatives at scattered points,
// derivatives and antiderivatives as splines.
//
// Construction runs in extended precision (long double), with the recursions of Cox and de Boor
// (de Boor, A Practical Guide to Splines, chapters IX and X); evaluation in double, on tables of
// polynomials that are exact to rounding (kernels/spline.hpp).
#pragma once

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "precisekit/core/huge_pages.hpp"
#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"

namespace precisekit {

using Extended = long double;

// What the recursions in extended precision have room for: that of an antiderivative of a spline of
// the greatest degree that can be interpolated, and some more.
constexpr int kMaxPolynomialDegree = 15;

// All B-splines that do not vanish on the span [t[i], t[i+1]], of the degrees 0 to `degree`, at x:
// out[p][j] is B_{i-p+j,p}(x). Outside the span, the polynomials that continue them.
struct BasisTriangle {
  BasisTriangle(const double* t, int degree, Index i, Extended x) {
    value[0][0] = 1;
    for (int p = 1; p <= degree; ++p) {
      Extended carry = 0;
      for (int j = 0; j < p; ++j) {
        const Extended low = t[i + 1 + j - p], high = t[i + 1 + j];
        const Extended share = value[p - 1][j] / (high - low);
        value[p][j] = carry + (high - x) * share;
        carry = (x - low) * share;
      }
      value[p][p] = carry;
    }
  }
  Extended value[kMaxPolynomialDegree + 1][kMaxPolynomialDegree + 1];
};

// The polynomial of a spline on the span [t[i], t[i+1]], in powers of (x - centre) / scale, where
// `basis` is the triangle at the centre. c: the coefficients of B_{i-degree} to B_i.
inline void span_polynomial(const double* t, int degree, Index i, const BasisTriangle& basis,
                            Extended scale, const Extended* c, Extended* polynomial) {
  Extended d[kMaxPolynomialDegree + 1];
  std::copy(c, c + degree + 1, d);
  Extended power = 1;  // scale^r / r!
  for (int r = 0; r <= degree; ++r) {
    // d[r..degree]: the coefficients of the derivative r, of degree p
    const int p = degree - r;
    Extended sum = 0;
    for (int j = 0; j <= p; ++j) sum += d[r + j] * basis.value[p][j];
    polynomial[r] = power * sum;
    if (r == degree) break;
    for (int j = degree; j > r; --j) {
      const Index low = i - degree + j;
      d[j] = Extended(p) * (d[j] - d[j - 1]) / (Extended(t[low + p]) - t[low]);
    }
    power *= scale / Extended(r + 1);
  }
}

// Knots, degree and domain of one axis.
class SplineAxis {
 public:
  // The spline is defined on [low, high], from knots[degree] or later to knots[n_coefficients] or
  // earlier. A periodic axis repeats it; its knots and coefficients are written out beyond the ends.
  // Throws std::invalid_argument unless the knots are finite, ascend, do so strictly inside the
  // domain, and reach beyond it.
  SplineAxis(std::vector<double> knots, int degree, double low, double high, bool periodic)
      : knots_(std::move(knots)), degree_(degree), low_(low), high_(high), periodic_(periodic) {
    if (degree < 0 || degree > kMaxPolynomialDegree) {
      throw std::invalid_argument("degree must be from 0 to " +
                                  std::to_string(kMaxPolynomialDegree) + ", got " +
                                  std::to_string(degree));
    }
    check_knots();
    find_breaks();
    prepare_search();
  }

  const std::vector<double>& knots() const { return knots_; }
  const std::vector<double>& breaks() const { return breaks_; }
  int degree() const { return degree_; }
  double low() const { return low_; }
  double high() const { return high_; }
  bool periodic() const { return periodic_; }
  Index n_coefficients() const { return Index(knots_.size()) - degree_ - 1; }
  Index n_pieces() const { return Index(breaks_.size()) - 1; }
  // The knot that starts the span of a piece; its first coefficient is `degree` before it.
  Index span(Index piece) const { return first_span_ + piece; }

  kernels::SplineGrid grid() const {
    return {breaks_.data(),
            n_pieces(),
            origin_,
            slope_,
            first_piece_.empty() ? nullptr : first_piece_.data(),
            Index(first_piece_.size()) - 1};
  }

  // The polynomial on a piece, in powers of t from -1/2 to 1/2.
  template <class Coefficient>
  void piece_polynomial(Index piece, Coefficient&& coefficient, Extended* polynomial) const {
    const Index i = span(piece);
    const BasisTriangle basis(knots_.data(), degree_, i, centre(piece));
    Extended c[kMaxPolynomialDegree + 1];
    for (int j = 0; j <= degree_; ++j) c[j] = coefficient(i - degree_ + j);
    span_polynomial(knots_.data(), degree_, i, basis, width(piece), c, polynomial);
  }

  // The table of basis functions that kernels::Table::spline_tensor reads.
  Buffer basis_table() const {
    const Index columns = kernels::spline_quads(degree_) * kernels::kSplineLanes;
    const Index record = (degree_ + 1) * columns;
    Buffer table = table_buffer(n_pieces() * record);
    table.set_zero();
    const Index n_tasks = std::min<Index>(n_pieces(), 64);
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(n_pieces(), n_tasks, task);
      for (Index piece = range.first; piece < range.last; ++piece) {
        const Index i = span(piece);
        const BasisTriangle basis(knots_.data(), degree_, i, centre(piece));
        for (int j = 0; j <= degree_; ++j) {
          Extended unit[kMaxPolynomialDegree + 1] = {}, polynomial[kMaxPolynomialDegree + 1];
          unit[j] = 1;
          span_polynomial(knots_.data(), degree_, i, basis, width(piece), unit, polynomial);
          for (int r = 0; r <= degree_; ++r) {
            table.data()[piece * record + r * columns + j] = double(polynomial[r]);
          }
        }
      }
    });
    return table;
  }

  // As the kernels compute them.
  double centre(Index piece) const { return 0.5 * (breaks_[piece] + breaks_[piece + 1]); }
  double width(Index piece) const { return breaks_[piece + 1] - breaks_[piece]; }

 private:
  void check_knots() const {
    for (std::size_t i = 0; i < knots_.size(); ++i) {
      if (!std::isfinite(knots_[i]) || (i > 0 && knots_[i] < knots_[i - 1])) {
        throw std::invalid_argument("knots must be finite and ascend, but knots[" +
                                    std::to_string(i) + "] is " + std::to_string(knots_[i]));
      }
    }
    const Index n = n_coefficients();
    if (n <= degree_ || !(knots_[degree_] <= low_ && low_ < high_ && high_ <= knots_[n])) {
      throw std::invalid_argument("knots do not reach over the domain");
    }
    for (Index i = degree_ + 1; i <= n; ++i) {
      if (knots_[i] <= knots_[i - 1]) {
        throw std::invalid_argument("knots must not repeat inside the domain, but knots[" +
                                    std::to_string(i) + "] does");
      }
    }
  }

  void find_breaks() {
    first_span_ = degree_;
    while (knots_[first_span_ + 1] <= low_) ++first_span_;
    breaks_.push_back(low_);
    for (Index i = first_span_ + 1; knots_[i] < high_; ++i) breaks_.push_back(knots_[i]);
    breaks_.push_back(high_);
    if (n_pieces() > std::numeric_limits<std::int32_t>::max()) {
      throw std::invalid_argument("an axis has too many knots");
    }
  }

  // The first and the last piece may be wider than the others (not-a-knot) or narrower (periodic,
  // even degree), so the guess goes by the pieces between them.
  void prepare_search() {
    const Index n = n_pieces();
    if (n == 1) return;  // slope 0
    slope_ =
        n == 2 ? 1.0 / (breaks_[1] - breaks_[0]) : double(n - 2) / (breaks_[n - 1] - breaks_[1]);
    origin_ = breaks_[1] - 1.0 / slope_;
    bool uniform = std::isfinite(slope_) && std::isfinite(origin_);
    for (Index i = 1; uniform && i < n; ++i) {
      uniform = std::fabs((breaks_[i] - origin_) * slope_ - double(i)) < 0.5;
    }
    if (uniform) return;
    tabulate_first_pieces();
  }

  void tabulate_first_pieces() {
    const Index n = n_pieces(), n_bins = 4 * n;
    origin_ = low_;
    slope_ = double(n_bins) / (high_ - low_);
    if (!std::isfinite(slope_)) slope_ = 0.0;
    first_piece_.assign(n_bins + 1, 0);
    // In the arithmetic of the kernel, which ascends with x: no point of a bin lies in a piece
    // before that of the last break in an earlier bin, or after that of the last break in its own.
    Index next = 1;
    for (Index bin = 0; bin < n_bins; ++bin) {
      while (next < n && Index((breaks_[next] - origin_) * slope_) <= bin) ++next;
      first_piece_[bin + 1] = std::int32_t(next - 1);
    }
    first_piece_[n_bins] = std::int32_t(n - 1);
  }

  std::vector<double> knots_;
  int degree_;
  double low_, high_;
  bool periodic_;
  Index first_span_ = 0;
  std::vector<double> breaks_;
  double origin_ = 0.0, slope_ = 0.0;
  std::vector<std::int32_t> first_piece_;
};

// What a spline gives outside its domain: the polynomials of the outermost pieces, or a fixed value
// for each channel.
struct Outside {
  bool extrapolate;
  std::vector<double> fill;  // n_channels
};

// sum c[i_1, ..., i_d, channel] B_{i_1}(x_1) ... B_{i_d}(x_d)
class TensorSpline {
 public:
  // coefficients: row-major, the channels last.
  // Throws std::invalid_argument for no axis or more than 6, a degree above 9 where there are
  // several axes, or a wrong number of coefficients.
  TensorSpline(std::vector<SplineAxis> axes, const double* coefficients, Index size,
               Index n_channels)
      : axes_(std::move(axes)), n_channels_(n_channels) {
    if (axes_.empty() || axes_.size() > std::size_t(kernels::kSplineMaxAxes)) {
      throw std::invalid_argument("a spline has 1 to " + std::to_string(kernels::kSplineMaxAxes) +
                                  " axes, got " + std::to_string(axes_.size()));
    }
    Index expected = n_channels;
    for (const SplineAxis& axis : axes_) {
      expected *= axis.n_coefficients();
      if (axes_.size() > 1 && axis.degree() > kernels::kSplineMaxDegree) {
        throw std::invalid_argument("degree must be at most " +
                                    std::to_string(kernels::kSplineMaxDegree));
      }
    }
    if (size != expected) {
      throw std::invalid_argument("coefficients must have " + std::to_string(expected) +
                                  " elements, got " + std::to_string(size));
    }
    coefficients_ = table_buffer(size + kernels::kSplineLanes);  // the kernel reads past the last
    std::copy(coefficients, coefficients + size, coefficients_.data());
    std::fill_n(coefficients_.data() + size, kernels::kSplineLanes, 0.0);
    if (axes_.size() == 1) {
      tables_.push_back(polynomial_table());
    } else {
      for (const SplineAxis& axis : axes_) tables_.push_back(axis.basis_table());
    }
  }

  const std::vector<SplineAxis>& axes() const { return axes_; }
  Index n_axes() const { return Index(axes_.size()); }
  Index n_channels() const { return n_channels_; }
  Index size() const { return coefficients_.size() - kernels::kSplineLanes; }
  const double* coefficients() const { return coefficients_.data(); }

  // The derivative of orders nu (n_axes) at the rows of X (n, n_axes): out (n, n_channels). NaN
  // where a coordinate is NaN.
  void evaluate(const double* X, Index n, const int* nu, const Outside& outside,
                double* out) const {
    const Index n_blocks = (n + kernels::kBlock - 1) / kernels::kBlock;
    const Index n_tasks = std::clamp<Index>(n_blocks / 8, std::min<Index>(n_blocks, 1), 256);
    const Orders orders(axes_, nu);
    parallel_for(n_tasks, [&](Index task) {
      Block block(n_axes());
      const Range range = task_range(n_blocks, n_tasks, task);
      for (Index b = range.first; b < range.last; ++b) {
        const Index first = b * kernels::kBlock;
        const Index size = std::min(kernels::kBlock, n - first);
        evaluate_block(X + first * n_axes(), size, nu, orders, outside, block,
                       out + first * n_channels_);
      }
    });
  }

 private:
  // j! / (j - nu)! for each axis and power j.
  struct Orders {
    Orders(const std::vector<SplineAxis>& axes, const int* nu) {
      for (std::size_t a = 0; a < axes.size(); ++a) {
        for (int j = 0; j <= axes[a].degree(); ++j) {
          double product = 1.0;
          for (int i = 0; i < nu[a] && i <= j; ++i) product *= double(j - i);
          factors[a][j] = product;
        }
        any = any || nu[a] > 0;
      }
    }
    double factors[kernels::kSplineMaxAxes][kMaxPolynomialDegree + 1];
    bool any = false;
  };

  // Where the points of a block lie.
  struct Block {
    explicit Block(Index n_axes)
        : x(n_axes * kernels::kBlock), t(n_axes * kernels::kBlock), piece(x.size()) {}
    std::vector<double> x, t;
    std::vector<std::int32_t> piece;
  };

  void evaluate_block(const double* X, Index n, const int* nu, const Orders& orders,
                      const Outside& outside, Block& block, double* out) const {
    const kernels::Table& kernel = kernels::active();
    const Index d = n_axes();
    bool inside = true;
    for (Index a = 0; a < d; ++a) {
      const double* x = X + a;
      Index stride = d;
      if (axes_[a].periodic()) {
        double* wrapped = block.x.data() + a * kernels::kBlock;
        for (Index s = 0; s < n; ++s) wrapped[s] = wrap(axes_[a], X[s * d + a]);
        x = wrapped;
        stride = 1;
      }
      inside &= kernel.spline_locate(axes_[a].grid(), n, x, stride,
                                     block.piece.data() + a * kernels::kBlock,
                                     block.t.data() + a * kernels::kBlock);
    }
    if (d == 1) {
      kernel.spline_polynomials(n, axes_[0].degree(), nu[0], orders.factors[0], n_channels_,
                                block.piece.data(), block.t.data(), tables_[0].data(),
                                tables_[0].size(), out);
    } else {
      kernels::SplineBasis bases[kernels::kSplineMaxAxes];
      Index stride = n_channels_;
      for (Index a = d - 1; a >= 0; --a) {
        bases[a] = {axes_[a].degree(),
                    nu[a],
                    orders.factors[a],
                    tables_[a].data(),
                    stride,
                    block.piece.data() + a * kernels::kBlock,
                    block.t.data() + a * kernels::kBlock};
        stride *= axes_[a].n_coefficients();
      }
      Index before = 0;  // coefficients that end before the first piece starts
      for (Index a = 0; a < d; ++a) {
        before += (axes_[a].span(0) - axes_[a].degree()) * bases[a].stride;
      }
      kernel.spline_tensor(n, int(d), bases, n_channels_, coefficients_.data() + before, size(),
                           out);
    }
    if (orders.any) scale_derivatives(n, nu, block, out);
    if (!inside) mark_outside(X, n, outside, out);
  }

  // From derivatives with respect to t to those with respect to x.
  void scale_derivatives(Index n, const int* nu, const Block& block, double* out) const {
    for (Index a = 0; a < n_axes(); ++a) {
      if (nu[a] == 0 || nu[a] > axes_[a].degree()) continue;  // nothing, or zero already
      for (Index s = 0; s < n; ++s) {
        const double per_width = 1.0 / axes_[a].width(block.piece[a * kernels::kBlock + s]);
        double scale = 1.0;
        for (int i = 0; i < nu[a]; ++i) scale *= per_width;
        for (Index o = 0; o < n_channels_; ++o) out[s * n_channels_ + o] *= scale;
      }
    }
  }

  void mark_outside(const double* X, Index n, const Outside& outside, double* out) const {
    for (Index s = 0; s < n; ++s) {
      bool inside = true, number = true;
      for (Index a = 0; a < n_axes(); ++a) {
        const double x = X[s * n_axes() + a];
        number = number && x == x;
        inside = inside && (axes_[a].periodic() ? std::isfinite(x)
                                                : x >= axes_[a].low() && x <= axes_[a].high());
      }
      if (inside || (number && outside.extrapolate)) continue;
      for (Index o = 0; o < n_channels_; ++o) {
        out[s * n_channels_ + o] =
            number ? outside.fill[o] : std::numeric_limits<double>::quiet_NaN();
      }
    }
  }

  static double wrap(const SplineAxis& axis, double x) {
    const double period = axis.high() - axis.low();
    if (x >= axis.low() && x < axis.high()) return x;
    const double rest = std::fmod(x - axis.low(), period);
    return axis.low() + (rest < 0.0 ? rest + period : rest);
  }

  Buffer polynomial_table() const {
    const SplineAxis& axis = axes_[0];
    const Index powers = axis.degree() + 1, pieces = axis.n_pieces();
    Buffer table = table_buffer(pieces * powers * n_channels_);
    const Index n_tasks = std::min<Index>(pieces, 64);
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(pieces, n_tasks, task);
      Extended polynomial[kMaxPolynomialDegree + 1];
      for (Index piece = range.first; piece < range.last; ++piece) {
        for (Index o = 0; o < n_channels_; ++o) {
          axis.piece_polynomial(
              piece, [&](Index i) { return coefficients_.data()[i * n_channels_ + o]; },
              polynomial);
          for (Index r = 0; r < powers; ++r) {
            table.data()[(piece * powers + r) * n_channels_ + o] = double(polynomial[r]);
          }
        }
      }
    });
    return table;
  }

  std::vector<SplineAxis> axes_;
  Index n_channels_;
  Buffer coefficients_;
  std::vector<Buffer> tables_;
};

}  // namespace precisekit
