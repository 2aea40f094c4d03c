// Tensor Chebyshev series on a box, evaluated at scattered points.
//
// f(x) = sum_{i, j, ...} c_{i j ...} T_i(t_1) T_j(t_2) ...,  t_a in [-1, 1] from x_a in [lo_a, hi_a].
//
// Points go in blocks through the kernels. The last axis costs most: there each row of coefficients
// meets the polynomials of its degrees, as the weights of a dense layer meet its inputs. Coefficients
// that are zero are left out: degrees that no coefficient has (every second one, if f is even or
// odd in an axis), and the high degrees of each row (two coefficients of high degree multiplied are
// often negligible where each alone is not; see Trefethen, Multivariate polynomial approximation in
// the hypercube, Proc. AMS 145, 2017).
#pragma once

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"

namespace precisekit {

class ChebyshevSeries {
 public:
  // `coefficients`: in row-major order, shape[a] = degree of axis a plus one.
  // Throws std::invalid_argument if the sizes do not agree, an axis is empty, or lo < hi fails.
  ChebyshevSeries(std::vector<double> lo, std::vector<double> hi, std::vector<Index> shape,
                  const double* coefficients, Index n_coefficients)
      : lo_(std::move(lo)), hi_(std::move(hi)) {
    const Index d = n_dims();
    if (d == 0 || static_cast<Index>(hi_.size()) != d || static_cast<Index>(shape.size()) != d) {
      throw std::invalid_argument("lo, hi and shape must have one entry for each axis");
    }
    for (Index a = 0; a < d; ++a) {
      if (!(lo_[a] < hi_[a])) throw std::invalid_argument("lo must be below hi on each axis");
      if (shape[a] < 1) throw std::invalid_argument("each axis needs at least one coefficient");
    }
    if (std::accumulate(shape.begin(), shape.end(), Index(1), std::multiplies<Index>()) !=
        n_coefficients) {
      throw std::invalid_argument("coefficients must have as many entries as shape says");
    }
    keep_used_degrees(shape, coefficients);
    copy_descending(shape, coefficients);
  }

  Index n_dims() const { return static_cast<Index>(lo_.size()); }

  // How many coefficients one evaluation meets.
  Index n_terms() const { return n_terms_; }

  // y[s] = f(X_s) for the n rows of X (n x n_dims, row-major); NaN outside the box, and for NaN.
  // A point is outside when it misses the box by more than rounding.
  void evaluate(Index n, const double* X, double* y) const {
    const Index n_blocks = (n + kernels::kBlock - 1) / kernels::kBlock;
    const Index n_tasks = std::min<Index>(n_blocks, kMostTasks);
    parallel_for(n_tasks, [&](Index task) {
      const Range blocks = task_range(n_blocks, n_tasks, task);
      Scratch scratch(*this);
      for (Index b = blocks.first; b < blocks.last; ++b) {
        const Index first = b * kernels::kBlock;
        const Index count = std::min<Index>(kernels::kBlock, n - first);
        evaluate_block(count, X + first * n_dims(), y + first, scratch);
      }
    });
  }

 private:
  static constexpr Index kMostTasks = 256;
  static constexpr Index kGroup = 5;        // rows of coefficients that share their first degree
  static constexpr Index kMostRows = 1024;  // of polynomials in memory at once, of a 1-D series

  struct Scratch {
    explicit Scratch(const ChebyshevSeries& f)
        : points(f.n_dims() * kernels::kStride), state(2 * kernels::kStride) {
      for (Index a = 0; a < f.n_dims(); ++a) {
        const Index rows = static_cast<Index>(f.kept_[a].size());
        basis.emplace_back(std::min(rows, f.n_dims() == 1 ? kMostRows : rows) * kernels::kStride);
        sums.emplace_back(rows * kernels::kStride);
      }
    }
    Buffer points, state;
    std::vector<Buffer> basis;  // an axis: its polynomials, by descending degree
    std::vector<Buffer> sums;   // an axis: for each of its degrees, the sum over the axes after it
  };

  void keep_used_degrees(const std::vector<Index>& shape, const double* c) {
    const Index d = n_dims();
    kept_.resize(d);
    Index inner = 1;  // coefficients between two neighbours along the axis
    for (Index a = d - 1; a >= 0; inner *= shape[a], --a) {
      std::vector<char> used(shape[a], 0);
      Index outer = 1;
      for (Index b = 0; b < a; ++b) outer *= shape[b];
      for (Index o = 0; o < outer; ++o) {
        for (Index k = 0; k < shape[a]; ++k) {
          const double* run = c + (o * shape[a] + k) * inner;
          used[k] |= std::any_of(run, run + inner, [](double v) { return v != 0; });
        }
      }
      for (Index k = 0; k < shape[a]; ++k) {
        if (used[k]) kept_[a].push_back(k);
      }
      if (kept_[a].empty()) kept_[a].push_back(0);  // f = 0
    }
  }

  void copy_descending(const std::vector<Index>& shape, const double* c) {
    const Index d = n_dims();
    const Index row_length = static_cast<Index>(kept_[d - 1].size());
    Index n_rows = 1;
    for (Index a = 0; a + 1 < d; ++a) n_rows *= static_cast<Index>(kept_[a].size());
    c_.resize(n_rows * row_length);
    first_.resize(n_rows);
    for (Index row = 0; row < n_rows; ++row) {
      Index source = 0, stride = shape[d - 1], rest = row;
      for (Index a = d - 2; a >= 0; stride *= shape[a], --a) {
        const Index size = static_cast<Index>(kept_[a].size());
        source += kept_[a][size - 1 - rest % size] * stride;
        rest /= size;
      }
      double* to = c_.data() + row * row_length;
      for (Index k = 0; k < row_length; ++k) to[k] = c[source + kept_[d - 1][row_length - 1 - k]];
      first_[row] = std::find_if(to, to + row_length, [](double v) { return v != 0; }) - to;
    }
    // Rows go through the kernel in groups, each from the highest degree that one of them has.
    const Index n_j = d == 1 ? 1 : static_cast<Index>(kept_[d - 2].size());
    n_terms_ = 0;
    for (Index start = 0; start < n_rows; start += n_j) {
      for (Index j = 0; j < n_j; j += kGroup) {
        const auto begin = first_.begin() + start + j;
        const auto end = first_.begin() + start + std::min(j + kGroup, n_j);
        std::fill(begin, end, *std::min_element(begin, end));
        n_terms_ += (row_length - *begin) * (end - begin);
      }
    }
  }

  void evaluate_block(Index count, const double* X, double* y, Scratch& scratch) const {
    const Index d = n_dims();
    const Index cols = (count + kernels::kColumnMultiple - 1) / kernels::kColumnMultiple *
                       kernels::kColumnMultiple;
    for (Index a = 0; a < d; ++a) {
      double* t = scratch.points.data() + a * kernels::kStride;
      for (Index s = 0; s < count; ++s) t[s] = to_unit(a, X[s * d + a]);
      std::fill(t + count, t + cols, 0.0);
    }
    double* out = scratch.points.data();  // its first row has been read by then
    if (d == 1) {
      sum_axis(cols, scratch, out);
    } else {
      for (Index a = 0; a < d; ++a) {
        kernels::active().chebyshev_basis(cols, static_cast<Index>(kept_[a].size()),
                                          kept_[a].data(),
                                          scratch.points.data() + a * kernels::kStride,
                                          scratch.state.data(), 0, scratch.basis[a].data());
      }
      sum_axes(cols, 0, 0, scratch, out);
    }
    std::copy_n(out, count, y);
  }

  // The whole of a 1-D series, degrees by portions: there may be tens of thousands.
  void sum_axis(Index cols, Scratch& scratch, double* out) const {
    const std::vector<Index>& degrees = kept_[0];
    const Index n = static_cast<Index>(degrees.size());
    double* portion = scratch.sums[0].data();
    for (Index first = 0; first < n; first += kMostRows) {
      const Index count = std::min(kMostRows, n - first);
      kernels::active().chebyshev_basis(cols, count, degrees.data() + first, scratch.points.data(),
                                        scratch.state.data(), first ? degrees[first - 1] : 0,
                                        scratch.basis[0].data());
      kernels::active().affine(cols, 1, count, c_.data() + n - first - count, 0, 1, nullptr,
                               nullptr, scratch.basis[0].data(), portion, first > 0);
    }
    std::copy_n(portion, cols, out);
  }

  // The sum over axis a and those after it, for the row of coefficients at `row` counted in the
  // degrees of the axes before a.
  void sum_axes(Index cols, Index a, Index row, Scratch& scratch, double* out) const {
    const Index n = static_cast<Index>(kept_[a].size());
    double* sums = scratch.sums[a].data();
    if (a + 2 < n_dims()) {
      for (Index i = 0; i < n; ++i) {
        sum_axes(cols, a + 1, row * n + i, scratch, sums + i * kernels::kStride);
      }
    } else {
      const Index row_length = static_cast<Index>(kept_[a + 1].size());
      for (Index j = 0; j < n; j += kGroup) {
        const Index first = first_[row * n + j];
        kernels::active().affine(cols, std::min(kGroup, n - j), row_length - first,
                                 c_.data() + (row * n + j) * row_length + first, row_length, 1,
                                 nullptr, nullptr,
                                 scratch.basis[a + 1].data() + first * kernels::kStride,
                                 sums + j * kernels::kStride, false);
      }
    }
    kernels::active().sum_of_products(cols, n, scratch.basis[a].data(), sums, out);
  }

  // Symmetric, so that both ends map exactly.
  double to_unit(Index a, double x) const {
    const double t = ((x - lo_[a]) - (hi_[a] - x)) / (hi_[a] - lo_[a]);
    if (std::abs(t) <= 1) return t;
    constexpr double kRounding = 4 * std::numeric_limits<double>::epsilon();
    if (std::abs(t) <= 1 + kRounding) return t < 0 ? -1.0 : 1.0;
    return std::numeric_limits<double>::quiet_NaN();
  }

  std::vector<double> lo_, hi_;
  std::vector<std::vector<Index>>
      kept_;                  // an axis: the degrees that some coefficient has, ascending
  std::vector<double> c_;     // of the kept degrees, descending along each axis
  std::vector<Index> first_;  // a row of c_: where it begins to be non-zero
  Index n_terms_ = 0;
};

}  // namespace precisekit
