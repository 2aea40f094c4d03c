// Barycentric weights, gradients and sums of values over simplices of any dimension.
#pragma once

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"

namespace precisekit {

// A dimension that the compiler knows, or one that it does not (D = Eigen::Dynamic).
template <int D>
struct Dimension {
  static constexpr int capacity = D;
  explicit Dimension(Index) {}
  constexpr operator int() const { return D; }
};
template <>
struct Dimension<Eigen::Dynamic> {
  static constexpr int capacity = 32;
  explicit Dimension(Index d) : d_(static_cast<int>(d)) {}
  operator int() const { return d_; }

 private:
  int d_;
};

// Solves A X = B in place of B, by elimination with partial pivoting; A is d x d, B d x n, both
// row-major and overwritten. A singular A gives NaN or infinity.
template <class Dim>
void solve_small(Dim d, double* A, double* B, Index n) {
  for (int j = 0; j < d; ++j) {
    int pivot = j;
    for (int i = j + 1; i < d; ++i) {
      if (std::abs(A[i * d + j]) > std::abs(A[pivot * d + j])) pivot = i;
    }
    if (pivot != j) {
      std::swap_ranges(A + j * d, A + (j + 1) * d, A + pivot * d);
      std::swap_ranges(B + j * n, B + (j + 1) * n, B + pivot * n);
    }
    for (int i = j + 1; i < d; ++i) {
      const double factor = A[i * d + j] / A[j * d + j];
      for (int l = j + 1; l < d; ++l) A[i * d + l] -= factor * A[j * d + l];
      for (Index l = 0; l < n; ++l) B[i * n + l] -= factor * B[j * n + l];
    }
  }
  for (int j = d - 1; j >= 0; --j) {
    for (Index l = 0; l < n; ++l) {
      double sum = B[j * n + l];
      for (int i = j + 1; i < d; ++i) sum -= A[j * d + i] * B[i * n + l];
      B[j * n + l] = sum / A[j * d + j];
    }
  }
}

// The weights w (d + 1) of x in the simplex with the given corners (pointers to d coordinates each),
// for an x that lies in it to within rounding: not negative, of sum 1, and such that the weighted
// corners give x back to within rounding, however flat the simplex. At a corner they are 1 and 0 to
// the last bit.
template <class Dim>
void barycentric_weights(Dim d, const double* const* corners, const double* x, double* w) {
  // edges from the corner next to x
  int base = 0;
  double nearest = std::numeric_limits<double>::infinity();
  for (int k = 0; k <= d; ++k) {
    double distance = 0.0;
    for (int j = 0; j < d; ++j) {
      const double step = corners[k][j] - x[j];
      distance += step * step;
    }
    if (distance < nearest) {
      nearest = distance;
      base = k;
    }
  }
  double A[Dim::capacity * Dim::capacity], b[Dim::capacity];
  const double* origin = corners[base];
  for (int j = 0; j < d; ++j) {
    for (int k = 0; k < d; ++k) A[j * d + k] = corners[k < base ? k : k + 1][j] - origin[j];
    b[j] = x[j] - origin[j];
  }
  solve_small(d, A, b, 1);
  double sum = 0.0;
  for (int k = 0; k < d; ++k) {
    const double weight = std::max(b[k], 0.0);
    w[k < base ? k : k + 1] = weight;
    sum += weight;
  }
  w[base] = 1.0 - sum;
  if (w[base] < 0.0) {
    w[base] = 0.0;
    for (int k = 0; k <= d; ++k) w[k] /= sum;
  }
}

// Where queries lie: for each the rows of the points that are the corners of its simplex and their
// weights (both m x (d + 1)). A query without an answer has rows -1 and weights NaN; one that was
// moved to the hull has an answer and is not `inside`.
struct SimplexLocations {
  using Rows = Eigen::Matrix<Index, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using RowsRef = Eigen::Ref<const Rows>;
  using Mask = Eigen::Matrix<bool, Eigen::Dynamic, 1>;

  SimplexLocations(Index m, Index d)
      : rows(Rows::Constant(m, d + 1, -1)),
        weights(RowMatrix::Constant(m, d + 1, std::numeric_limits<double>::quiet_NaN())),
        inside(Mask::Constant(m, false)) {}

  Rows rows;
  RowMatrix weights;
  Mask inside;
};

// out[l] = sum_k weights[k] values(rows[k], l).
template <class Corners>
void weighted_sum(Corners corners, const Index* rows, const double* weights,
                  const RowMatrixRef& values, double* out) {
  const auto column = [&](Index l) {
    double sum = 0.0;
    for (Index k = 0; k < corners; ++k) sum += weights[k] * values.coeff(rows[k], l);
    return sum;
  };
  if (values.cols() > 0) out[0] = column(0);  // most often all, and cheaper than a loop
  for (Index l = 1; l < values.cols(); ++l) out[l] = column(l);
}

namespace detail {

inline constexpr Index kTaskRows = 16384;
// Values that the near caches hold; of more, those of the rows to come are asked for.
inline constexpr Index kNearValues = Index(1) << 15;

template <class Function>
void for_blocks_of_rows(Index m, const Function& function) {
  const Index n_tasks = (m + kTaskRows - 1) / kTaskRows;
  parallel_for(n_tasks, [&](Index task) {
    const Range range = task_range(m, n_tasks, task);
    function(range.first, range.last);
  });
}

[[noreturn]] inline void refuse_row(Index i, Index k, Index row, Index n) {
  throw std::invalid_argument("indices[" + std::to_string(i) + ", " + std::to_string(k) + "] is " +
                              std::to_string(row) + ", but there are " + std::to_string(n) +
                              " values");
}

inline void check_row(const SimplexLocations::RowsRef& rows, Index i, Index n) {
  const Index* row = &rows.coeffRef(i, 0);
  for (Index k = 0; k < rows.cols(); ++k) {
    if (row[k] < -1 || row[k] >= n) refuse_row(i, k, row[k], n);
  }
}

}  // namespace detail

// sum_k weights(i, k) values(rows(i, k), :), one row for each query (m x columns of values); NaN where
// a row is -1. Throws std::invalid_argument for a row that `values` does not have.
inline RowMatrix weighted_values(const SimplexLocations::RowsRef& rows, const RowMatrixRef& weights,
                                 const RowMatrixRef& values) {
  if (rows.rows() != weights.rows() || rows.cols() != weights.cols()) {
    throw std::invalid_argument("indices and weights must have the same shape");
  }
  const Index n = values.cols(), corners = rows.cols();
  constexpr Index kAhead = 16;
  const bool far = values.size() > detail::kNearValues;
  RowMatrix out(rows.rows(), n);
  detail::for_blocks_of_rows(rows.rows(), [&](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      if (far && i + kAhead < last) {
        for (Index k = 0; k < corners; ++k) {
          __builtin_prefetch(values.data() + rows(i + kAhead, k) * values.outerStride());
        }
      }
      detail::check_row(rows, i, values.rows());
      const Index* row = &rows.coeffRef(i, 0);
      double* result = out.data() + i * n;
      if (row[0] < 0) {
        std::fill(result, result + n, std::numeric_limits<double>::quiet_NaN());
        continue;
      }
      weighted_sum(corners, row, &weights.coeffRef(i, 0), values, result);
    }
  });
  return out;
}

// Gradients of the interpolants: out(i, l d + j) is the derivative of column l of `values` along
// coordinate j of `points`. Inside it is that of the linear function through the values at the corners
// of row i; of a query that was moved to the hull, its part along the face that holds the corners of
// positive weight, since across it the value does not change. NaN where a row is -1.
//
// Throws std::invalid_argument for a row that `values` does not have, and shapes that do not fit.
inline RowMatrix simplex_gradients(const RowMatrixRef& points,
                                   const SimplexLocations::RowsRef& rows,
                                   const RowMatrixRef& weights,
                                   const Eigen::Ref<const SimplexLocations::Mask>& inside,
                                   const RowMatrixRef& values) {
  const Index n = values.cols(), d = points.cols();
  if (rows.cols() != d + 1 || weights.cols() != d + 1 || weights.rows() != rows.rows() ||
      inside.size() != rows.rows() || values.rows() != points.rows()) {
    throw std::invalid_argument("points, indices, weights, inside and values do not fit together");
  }
  RowMatrix out(rows.rows(), n * d);
  detail::for_blocks_of_rows(rows.rows(), [&](Index first, Index last) {
    RowMatrix edges(d, d), rises(d, n);
    for (Index i = first; i < last; ++i) {
      detail::check_row(rows, i, values.rows());
      if (rows(i, 0) < 0) {
        out.row(i).setConstant(std::numeric_limits<double>::quiet_NaN());
        continue;
      }
      Index base = 0, n_edges = 0;
      if (!inside[i]) weights.row(i).maxCoeff(&base);
      for (Index k = 0; k <= d; ++k) {
        if (k == base || (!inside[i] && !(weights(i, k) > 0.0))) continue;
        edges.row(n_edges) = points.row(rows(i, k)) - points.row(rows(i, base));
        rises.row(n_edges++) = values.row(rows(i, k)) - values.row(rows(i, base));
      }
      if (inside[i]) {
        solve_small(Dimension<Eigen::Dynamic>(d), edges.data(), rises.data(), n);
      } else if (n_edges == 0) {
        rises.setZero();
      } else {
        rises = edges.topRows(n_edges)
                    .completeOrthogonalDecomposition()
                    .solve(rises.topRows(n_edges))
                    .eval();
      }
      for (Index l = 0; l < n; ++l) out.row(i).segment(l * d, d) = rises.col(l).transpose();
    }
  });
  return out;
}

}  // namespace precisekit
