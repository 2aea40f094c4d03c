// Tricubic interpolation on a rectilinear grid: F. Lekien, J. Marsden, Tricubic interpolation in
// three dimensions, Int. J. Numer. Meth. Engng 63 (2005) 455-471.
//
// In each cell the cubic in x, y and z that has, at the eight corners, the given values and the
// derivatives f_x, f_y, f_z, f_xy, f_xz, f_yz and f_xyz; neighbours agree on them, so that the whole
// is continuously differentiable. The paper finds the 64 coefficients of a cell as a 64 x 64 matrix
// times those 64 numbers; the same polynomial is evaluated here in Hermite's form, as the tensor
// product of the four cubics on [0, 1] that have one value or slope at one end.
//
// The derivatives come from differences along the axes, as in the paper, but over five points
// (weights for any spacing) where it takes three: the error of three, h^2 f'''/6, is what limits
// the interpolant, at nine times the h^4 f''''/384 that Hermite's form itself leaves.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"

namespace precisekit {

// The cells between ascending nodes, found by a table of equal intervals and bisection within one.
class GridAxis {
 public:
  // Throws std::invalid_argument for fewer than four nodes, or if they do not ascend.
  explicit GridAxis(const VectorRef& nodes) : nodes_(nodes.data(), nodes.data() + nodes.size()) {
    const Index n = size();
    if (n < 4) throw std::invalid_argument("each axis needs at least 4 points");
    for (Index i = 0; i + 1 < n; ++i) {
      if (!(nodes_[i] < nodes_[i + 1])) throw std::invalid_argument("each axis must ascend");
    }
    intervals_per_unit_ = n / (nodes_.back() - nodes_.front());
    before_.assign(n + 2, 0);
    for (const double node : nodes_) ++before_[interval(node) + 1];
    for (Index b = 0; b <= n; ++b) before_[b + 1] += before_[b];
  }

  Index size() const { return static_cast<Index>(nodes_.size()); }
  double operator[](Index i) const { return nodes_[i]; }
  bool holds(double x) const { return nodes_.front() <= x && x <= nodes_.back(); }  // not NaN

  // i with node_i <= x < node_{i+1}, the last cell at the upper end; x within the axis.
  Index cell(double x) const {
    const Index b = interval(x);
    const auto above =
        std::upper_bound(nodes_.begin() + before_[b], nodes_.begin() + before_[b + 1], x);
    return std::clamp<Index>(above - nodes_.begin() - 1, 0, size() - 2);
  }

  // The weights of the five nodes (four, if there are no more) around node i that give the slope
  // there of the polynomial through them; `first` is the first of these nodes.
  std::vector<double> slope_weights(Index i, Index& first) const {
    const Index n = std::min<Index>(5, size());
    first = std::clamp<Index>(i - n / 2, 0, size() - n);
    std::vector<double> w(n, 0.0);
    const Index own = i - first;
    for (Index j = 0; j < n; ++j) {
      if (j == own) continue;
      // L_j'(x_i) = 1 / (x_j - x_i) * prod over m other than i, j of (x_i - x_m) / (x_j - x_m)
      w[j] = 1 / (nodes_[first + j] - nodes_[i]);
      for (Index m = 0; m < n; ++m) {
        if (m == j || m == own) continue;
        w[j] *= (nodes_[i] - nodes_[first + m]) / (nodes_[first + j] - nodes_[first + m]);
      }
      w[own] -= w[j];  // constants have no slope
    }
    return w;
  }

 private:
  Index interval(double x) const {  // monotonic in x: nodes of lower intervals are below x
    return std::clamp<Index>(static_cast<Index>((x - nodes_.front()) * intervals_per_unit_), 0,
                             size());
  }

  std::vector<double> nodes_;
  double intervals_per_unit_;
  std::vector<Index> before_;  // of each interval: how many nodes lie in lower ones
};

class Tricubic {
 public:
  // `values` at the nodes, row-major. Keeps eight numbers a node.
  // Throws std::invalid_argument as GridAxis does.
  Tricubic(const std::array<VectorRef, 3>& axes, const double* values)
      : axes_{GridAxis(axes[0]), GridAxis(axes[1]), GridAxis(axes[2])},
        strides_{axes_[1].size() * axes_[2].size(), axes_[2].size(), 1},
        data_(8 * axes_[0].size() * strides_[0]) {
    const Index n = axes_[0].size() * strides_[0];
    for (Index node = 0; node < n; ++node) data_.data()[8 * node] = values[node];
    // Of what is there already, the derivative along one more axis: f; f, f_z; f, f_z, f_y, f_yz...
    for (int axis = 2, known = 1; axis >= 0; --axis, known *= 2) differentiate(axis, known);
  }

  // y[s] = f(X_s) for the n rows of X (n x 3, row-major); NaN outside the grid, and for NaN.
  void evaluate(Index n, const double* X, double* y) const {
    for_each_point(n, X, [&](Index s, const Cell& cell) {
      y[s] = cell.inside ? sum(cell, cell.basis[0], cell.basis[1], cell.basis[2]) : kNaN;
    });
  }

  // The rows of the gradient, n x 3, likewise.
  void gradient(Index n, const double* X, double* g) const {
    for_each_point(n, X, [&](Index s, const Cell& cell) {
      for (int a = 0; a < 3; ++a) {
        g[3 * s + a] = !cell.inside ? kNaN
                                    : sum(cell, a == 0 ? cell.slope[0] : cell.basis[0],
                                          a == 1 ? cell.slope[1] : cell.basis[1],
                                          a == 2 ? cell.slope[2] : cell.basis[2]);
      }
    });
  }

 private:
  static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  static constexpr Index kTaskPoints = 4096;

  // Factors of (value, slope) at the left end, then at the right.
  using Weights = std::array<double, 4>;

  struct Cell {
    bool inside;
    const double* corner;  // the eight numbers of its first node
    std::array<Weights, 3> basis, slope;
  };

  static Weights hermite(double t, double h) {
    const double u = 1 - t;
    return {u * u * (1 + 2 * t), h * t * u * u, t * t * (1 + 2 * u), -h * t * t * u};
  }
  static Weights hermite_slope(double t, double h) {
    const double u = 1 - t;
    return {-6 * t * u / h, u * (u - 2 * t), 6 * t * u / h, t * (t - 2 * u)};
  }

  template <class Visit>
  void for_each_point(Index n, const double* X, const Visit& visit) const {
    parallel_for((n + kTaskPoints - 1) / kTaskPoints, [&](Index task) {
      for (Index s = task * kTaskPoints; s < std::min(n, (task + 1) * kTaskPoints); ++s) {
        visit(s, cell_of(X + 3 * s));
      }
    });
  }

  Cell cell_of(const double* x) const {
    Cell cell;
    cell.inside = axes_[0].holds(x[0]) && axes_[1].holds(x[1]) && axes_[2].holds(x[2]);
    if (!cell.inside) return cell;
    Index node = 0;
    for (int a = 0; a < 3; ++a) {
      const Index i = axes_[a].cell(x[a]);
      const double h = axes_[a][i + 1] - axes_[a][i];
      const double t = (x[a] - axes_[a][i]) / h;
      cell.basis[a] = hermite(t, h);
      cell.slope[a] = hermite_slope(t, h);
      node += i * strides_[a];
    }
    cell.corner = data_.data() + 8 * node;
    return cell;
  }

  double sum(const Cell& cell, const Weights& wx, const Weights& wy, const Weights& wz) const {
    double total = 0;
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        // Two nodes, neighbours in z, of each (f, f_z, f_y, f_yz, f_x, f_xz, f_xy, f_xyz).
        const double* p = cell.corner + 8 * (i * strides_[0] + j * strides_[1]);
        double at_z[4];
        for (int m = 0; m < 4; ++m) {
          at_z[m] = wz[0] * p[2 * m] + wz[1] * p[2 * m + 1] + wz[2] * p[8 + 2 * m] +
                    wz[3] * p[8 + 2 * m + 1];
        }
        total += wx[2 * i] * (wy[2 * j] * at_z[0] + wy[2 * j + 1] * at_z[1]) +
                 wx[2 * i + 1] * (wy[2 * j] * at_z[2] + wy[2 * j + 1] * at_z[3]);
      }
    }
    return total;
  }

  void differentiate(int axis, int known) {
    const Index n = axes_[axis].size(), stride = strides_[axis];
    const Index n_lines = static_cast<Index>(data_.size() / 8) / n;
    for (Index i = 0; i < n; ++i) {
      Index first;
      const std::vector<double> w = axes_[axis].slope_weights(i, first);
      for (Index line = 0; line < n_lines; ++line) {
        double* start = data_.data() + 8 * (line / stride * stride * n + line % stride);
        for (int m = 0; m < known; ++m) {
          double slope = 0;
          for (std::size_t j = 0; j < w.size(); ++j) {
            slope += w[j] * start[8 * (first + static_cast<Index>(j)) * stride + m];
          }
          start[8 * i * stride + known + m] = slope;
        }
      }
    }
  }

  std::array<GridAxis, 3> axes_;
  std::array<Index, 3> strides_;
  Buffer data_;
};

}  // namespace precisekit
