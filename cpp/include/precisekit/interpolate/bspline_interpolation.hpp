// Splines through values on a rectilinear grid: knots, and the banded systems of collocation, solved
// along one axis after the other.
//
// The systems are solved in extended precision: their condition grows with the degree (2 ** degree
// inside, more at the ends), and what a solve in double loses is as large as the rounding that
// remains to be reached.
#pragma once

#include <memory>
#include <utility>

#include "precisekit/core/banded.hpp"
#include "precisekit/interpolate/bspline.hpp"

namespace precisekit {

// The conditions at the ends of an axis, with degree 2 m - 1 or 2 m:
//   not_a_knot  none: the outermost knots are left out
//   natural     derivatives m to 2 m - 2 vanish at both ends (even degree: m + 1 to 2 m)
//   clamped     derivatives 1 to m - 1 vanish at both ends (even degree: 1 to m)
//   periodic    the spline repeats with all its derivatives
// Knots are at the data for odd degrees, half way between for even ones.
enum class Boundary { not_a_knot, natural, clamped, periodic };

// Fewest points of an axis.
inline Index fewest_points(int degree, Boundary boundary) {
  switch (boundary) {
    case Boundary::not_a_knot:
    case Boundary::periodic: return degree + 1;
    case Boundary::natural: return std::max(2, degree / 2 + 1);
    case Boundary::clamped: return 2;
  }
  return 0;
}

// The axis of the spline that interpolates at the points x, which must ascend.
// Throws std::invalid_argument for fewer points than fewest_points().
inline SplineAxis interpolation_axis(const double* x, Index n, int degree, Boundary boundary) {
  if (n < fewest_points(degree, boundary)) {
    throw std::invalid_argument("too few points for the degree");
  }
  const double low = x[0], high = x[n - 1];
  const bool odd = degree % 2 == 1;
  std::vector<double> sites;  // of the knots between the ends
  if (odd) {
    sites.assign(x + 1, x + n - 1);
  } else {
    for (Index i = 0; i + 1 < n; ++i) sites.push_back(x[i] + 0.5 * (x[i + 1] - x[i]));
  }
  std::vector<double> knots;
  if (boundary == Boundary::periodic) {
    // Sites over one period, continued on both sides until degree + 1 spans reach over each end.
    if (odd) sites.insert(sites.begin(), low);
    const Index period = n - 1, before = odd ? degree : degree + 1;
    for (Index i = -before; i <= period + degree; ++i) {
      const Index turns = i >= 0 ? i / period : -((period - 1 - i) / period);
      knots.push_back(sites[i - turns * period] + double(turns) * (high - low));
    }
    if (odd) knots[before + period] = high;  // low + (high - low) may be a bit below it
    return SplineAxis(std::move(knots), degree, low, high, true);
  }
  const Index dropped = boundary == Boundary::not_a_knot ? degree / 2 : 0;
  knots.assign(degree + 1, low);
  knots.insert(knots.end(), sites.begin() + dropped, sites.end() - dropped);
  knots.insert(knots.end(), degree + 1, high);
  return SplineAxis(std::move(knots), degree, low, high, false);
}

// From values at the points of an axis to coefficients.
class Collocation {
 public:
  // Throws std::domain_error when rounding makes the system singular.
  Collocation(const SplineAxis& axis, const double* x, Index n, Boundary boundary)
      : axis_(&axis), n_points_(n) {
    if (boundary == Boundary::periodic) {
      assemble_periodic(x);
    } else {
      assemble(x, boundary);
    }
  }

  Index n_points() const { return n_points_; }
  Index n_coefficients() const { return axis_->n_coefficients(); }
  Index n_equations() const { return periodic_ ? periodic_->size() : banded_->size(); }

  // B holds n_equations() rows of n_rhs numbers; rows_of_values() says where values go, the others
  // are zero. Afterwards, row i holds coefficient i (of one period).
  void solve(Extended* B, Index n_rhs) const {
    if (periodic_) {
      periodic_->solve(B, n_rhs);
      return;
    }
    for (Index i = 0; i < n_equations(); ++i) {
      for (Index r = 0; r < n_rhs; ++r) B[i * n_rhs + r] *= row_scale_[i];
    }
    banded_->solve(B, n_rhs);
  }

  // The equation of a point; the last point of a periodic axis has none (-1).
  Index row_of_point(Index point) const {
    if (periodic_) return point < n_points_ - 1 ? point : -1;
    if (point == 0) return 0;
    return point < n_points_ - 1 ? point + n_conditions_ : n_equations() - 1;
  }
  // The row that holds a coefficient after solve().
  Index row_of_coefficient(Index i) const {
    if (!periodic_) return i;
    const Index shifted = i + shift_, n = periodic_->size();
    return (shifted % n + n) % n;
  }

 private:
  using Row = std::pair<Index, std::vector<Extended>>;  // first column, entries

  void assemble(const double* x, Boundary boundary) {
    const int k = axis_->degree();
    const Index n = n_points_;
    const int m = (k + 1) / 2;
    int first = 0, last = -1;
    if (boundary == Boundary::natural) first = k % 2 ? m : m + 1, last = k % 2 ? k - 1 : k;
    if (boundary == Boundary::clamped) first = 1, last = k % 2 ? m - 1 : m;
    n_conditions_ = last - first + 1;
    std::vector<Row> rows;
    rows.push_back(value_row(x[0]));
    for (int r = first; r <= last; ++r) rows.push_back(derivative_row(x[0], r));
    for (Index i = 1; i < n - 1; ++i) rows.push_back(value_row(x[i]));
    for (int r = first; r <= last; ++r) rows.push_back(derivative_row(x[n - 1], r));
    rows.push_back(value_row(x[n - 1]));
    Index lower = 0, upper = 0;
    for (Index i = 0; i < Index(rows.size()); ++i) {
      lower = std::max(lower, i - rows[i].first);
      upper = std::max(upper, rows[i].first + k - i);
    }
    banded_ = std::make_unique<BandedLu<Extended>>(Index(rows.size()), lower, upper);
    for (Index i = 0; i < Index(rows.size()); ++i) {
      Extended largest = 0;
      for (const Extended entry : rows[i].second) largest = std::max(largest, std::fabs(entry));
      row_scale_.push_back(1 / largest);
      for (int j = 0; j <= k; ++j) {
        (*banded_)(i, rows[i].first + j) = rows[i].second[j] / largest;
      }
    }
    banded_->factor();
  }

  // One period of coefficients, numbered so that equation i is centred on its own.
  void assemble_periodic(const double* x) {
    const int k = axis_->degree();
    const Index n = n_points_ - 1;
    periodic_ = std::make_unique<BorderedBandedLu<Extended>>(n, k, k, std::min<Index>(k, n));
    const Index first = value_row(x[0]).first;
    // At a knot the last entry of an odd degree vanishes: k entries, centred at (k - 1) / 2.
    shift_ = -first - k / 2;
    for (Index i = 0; i < n; ++i) {
      const Row row = value_row(x[i]);
      for (int j = 0; j <= k; ++j) {
        if (row.second[j] != 0) periodic_->add(i, row_of_coefficient(row.first + j), row.second[j]);
      }
    }
    periodic_->factor();
  }

  Index piece_of(double x) const {
    const auto& breaks = axis_->breaks();
    const Index after = std::upper_bound(breaks.begin(), breaks.end(), x) - breaks.begin();
    return std::clamp<Index>(after - 1, 0, axis_->n_pieces() - 1);
  }

  Row value_row(double x) const {
    const int k = axis_->degree();
    const Index i = axis_->span(piece_of(x));
    const BasisTriangle basis(axis_->knots().data(), k, i, x);
    return {i - k, std::vector<Extended>(basis.value[k], basis.value[k] + k + 1)};
  }

  // Scaled by a power of the span's width, which a condition "= 0" does not see.
  Row derivative_row(double x, int order) const {
    const int k = axis_->degree();
    const Index piece = piece_of(x), i = axis_->span(piece);
    const BasisTriangle basis(axis_->knots().data(), k, i, x);
    Row row{i - k, std::vector<Extended>(k + 1)};
    for (int j = 0; j <= k; ++j) {
      Extended unit[kMaxPolynomialDegree + 1] = {}, polynomial[kMaxPolynomialDegree + 1];
      unit[j] = 1;
      span_polynomial(axis_->knots().data(), k, i, basis, axis_->width(piece), unit, polynomial);
      row.second[j] = polynomial[order];
    }
    return row;
  }

  const SplineAxis* axis_;
  Index n_points_;
  int n_conditions_ = 0;
  Index shift_ = 0;
  std::vector<Extended> row_scale_;
  std::unique_ptr<BandedLu<Extended>> banded_;
  std::unique_ptr<BorderedBandedLu<Extended>> periodic_;
};

// The coefficients of the tensor-product spline through `values` (row-major, the channels last).
// The points of axis a are x[a], as many as n_points[a].
// Throws std::invalid_argument as interpolation_axis(), std::domain_error as Collocation.
inline TensorSpline interpolate_spline(const std::vector<const double*>& x,
                                       const std::vector<Index>& n_points,
                                       const std::vector<int>& degrees,
                                       const std::vector<Boundary>& boundaries,
                                       const double* values, Index n_channels) {
  const Index d = Index(x.size());
  std::vector<SplineAxis> axes;
  Index size = n_channels;
  for (Index a = 0; a < d; ++a) {
    axes.push_back(interpolation_axis(x[a], n_points[a], degrees[a], boundaries[a]));
    size *= n_points[a];
  }
  std::vector<double> data(values, values + size);
  Index inner = n_channels;  // numbers that lie between neighbours along the axis
  for (Index a = d - 1; a >= 0; --a) {
    const Collocation system(axes[a], x[a], n_points[a], boundaries[a]);
    const Index n_in = system.n_points(), n_out = system.n_coefficients();
    const Index n_lines = size / n_in;
    std::vector<double> solved(n_lines * n_out);
    constexpr Index kLines = 32;
    const Index n_blocks = (n_lines + kLines - 1) / kLines;
    const Index n_tasks = std::min<Index>(n_blocks, 64);
    parallel_for(n_tasks, [&](Index task) {
      std::vector<Extended> B(system.n_equations() * std::min(kLines, n_lines));
      const Range range = task_range(n_blocks, n_tasks, task);
      for (Index b = range.first; b < range.last; ++b) {
        const Index first = b * kLines, width = std::min(kLines, n_lines - first);
        const auto start = [&](Index line, Index n) {
          return line / inner * n * inner + line % inner;
        };
        std::fill(B.begin(), B.end(), Extended(0));
        for (Index l = 0; l < width; ++l) {
          const double* line = data.data() + start(first + l, n_in);
          for (Index i = 0; i < n_in; ++i) {
            const Index row = system.row_of_point(i);
            if (row >= 0) B[row * width + l] = line[i * inner];
          }
        }
        system.solve(B.data(), width);
        for (Index l = 0; l < width; ++l) {
          double* line = solved.data() + start(first + l, n_out);
          for (Index i = 0; i < n_out; ++i) {
            line[i * inner] = double(B[system.row_of_coefficient(i) * width + l]);
          }
        }
      }
    });
    data.swap(solved);
    size = n_lines * n_out;
    inner *= n_out;
  }
  return TensorSpline(std::move(axes), data.data(), size, n_channels);
}

}  // namespace precisekit
