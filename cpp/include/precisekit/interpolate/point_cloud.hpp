// Points in blocks for the vectorised scans, the blocks in a k-d tree that spares most of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "precisekit/core/types.hpp"

namespace precisekit {

// Distinct points of R^d. A point is known by its position in the blocks; id() is its row in the
// array that was given, the first of them where rows are repeated.
//
// A box of the tree is skipped where it lies outside the sphere (or beyond the plane) that a scan has
// reached. Above some eight dimensions no box ever does, and the scans go through all blocks in one.
class PointCloud {
 public:
  // `points` (n x d), row-major, finite. Throws std::invalid_argument when there are none.
  explicit PointCloud(const RowMatrixRef& points) : d_(points.cols()) {
    if (points.rows() == 0 || d_ == 0) throw std::invalid_argument("points is empty");
    std::vector<Index> ids = distinct_rows(points);
    n_ = Index(ids.size());
    extent_ = points.cwiseAbs().maxCoeff();
    const Index n_blocks = (n_ + kernels::kPointBlock - 1) / kernels::kPointBlock;
    leaf_blocks_ = d_ <= kTreeDimensions ? 1 : n_blocks;
    grow(points, ids, 0, n_blocks);
    fill_blocks(points, ids, n_blocks);
  }

  Index dimension() const { return d_; }
  Index size() const { return n_; }
  Index id(Index at) const { return ids_[at]; }
  // The largest absolute coordinate: what the rounding of the coordinates is relative to.
  double extent() const { return extent_; }

  // The coordinates of a point, and its lift (kernels::SphereSweep).
  template <class Out>
  void copy_point(Index at, Out&& x) const {
    const double* p = address(at);
    for (Index k = 0; k < d_; ++k) x[k] = p[k * kernels::kPointBlock];
  }
  double lift(Index at) const { return address(at)[d_ * kernels::kPointBlock]; }

  // The point equal to q, -1 if there is none.
  Index find(const double* q) const {
    const auto less = [&](Index at, const double* x) { return compare(address(at), x) < 0; };
    const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), q, less);
    return found != sorted_.end() && compare(address(*found), q) == 0 ? *found : -1;
  }

  Index nearest(const double* q) const {
    const std::vector<double> none(d_, 0.0);
    kernels::PointValue lowest{std::numeric_limits<double>::infinity(), -1};
    scan_lowest(0, q, 1.0, none.data(), lowest);
    return lowest.at;
  }

  // The point with the least slope'(x - base), and that value.
  kernels::PointValue lowest(const double* base, const double* slope) const {
    kernels::PointValue lowest{std::numeric_limits<double>::infinity(), -1};
    scan_lowest(0, base, 0.0, slope, lowest);
    return lowest;
  }

  // Takes a sweep to its end. Points near `hint` are looked at first.
  void first_on_sphere(kernels::SphereSweep& sweep, const double* hint) const {
    sweep.bound = std::numeric_limits<double>::infinity();
    sweep.slack = sweep.step = sweep.diameter_squared = 0.0;
    do {
      sweep.at = -1;
      sweep.tied = sweep.doubtful = false;
      scan_sphere(0, hint, sweep);
    } while (sweep.doubtful);
  }

 private:
  static constexpr Index kTreeDimensions = 8;
  static constexpr double kRounding = 1.0 + 1e-12;

  // Blocks [first, first + count) and the box around their points; children: the next node, `right`.
  struct Node {
    Index first, count, right;  // right = 0 at a leaf
  };

  const double* address(Index at) const {
    return blocks_.data() + at / kernels::kPointBlock * (d_ + 1) * kernels::kPointBlock +
           at % kernels::kPointBlock;
  }
  const double* low(Index node) const { return boxes_.data() + 2 * d_ * node; }
  const double* high(Index node) const { return low(node) + d_; }

  int compare(const double* point, const double* x) const {
    for (Index k = 0; k < d_; ++k) {
      const double p = point[k * kernels::kPointBlock];
      if (p != x[k]) return p < x[k] ? -1 : 1;
    }
    return 0;
  }

  static std::vector<Index> distinct_rows(const RowMatrixRef& points) {
    const Index d = points.cols();
    std::vector<Index> ids(points.rows());
    std::iota(ids.begin(), ids.end(), Index(0));
    const auto row = [&](Index i) { return points.data() + i * points.outerStride(); };
    std::sort(ids.begin(), ids.end(), [&](Index i, Index j) {
      const double *p = row(i), *q = row(j);
      for (Index k = 0; k < d; ++k) {
        if (p[k] != q[k]) return p[k] < q[k];
      }
      return i < j;
    });
    const auto end = std::unique(ids.begin(), ids.end(), [&](Index i, Index j) {
      return std::equal(row(i), row(i) + d, row(j));
    });
    ids.erase(end, ids.end());
    return ids;
  }

  // Appends the tree over the points ids[64 first, ...) and puts them in its order.
  void grow(const RowMatrixRef& points, std::vector<Index>& ids, Index first, Index count) {
    const Index node = Index(nodes_.size());
    const auto begin = ids.begin() + first * kernels::kPointBlock;
    const auto end = ids.begin() + std::min((first + count) * kernels::kPointBlock, n_);
    nodes_.push_back({first, count, 0});
    boxes_.resize(boxes_.size() + 2 * d_);
    double *lo = boxes_.data() + 2 * d_ * node, *hi = lo + d_;
    Index widest = 0;
    for (Index k = 0; k < d_; ++k) {
      const auto [least, most] = std::minmax_element(
          begin, end, [&](Index i, Index j) { return points(i, k) < points(j, k); });
      lo[k] = points(*least, k);
      hi[k] = points(*most, k);
      if (hi[k] - lo[k] > hi[widest] - lo[widest]) widest = k;
    }
    if (count <= leaf_blocks_) return;
    const Index left = count / 2;
    std::nth_element(begin, begin + left * kernels::kPointBlock, end, [&](Index i, Index j) {
      return points(i, widest) != points(j, widest) ? points(i, widest) < points(j, widest) : i < j;
    });
    grow(points, ids, first, left);
    nodes_[node].right = Index(nodes_.size());
    grow(points, ids, first + left, count - left);
  }

  void fill_blocks(const RowMatrixRef& points, const std::vector<Index>& ids, Index n_blocks) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    ids_ = ids;
    blocks_ = Buffer(n_blocks * (d_ + 1) * kernels::kPointBlock);
    std::fill(blocks_.data(), blocks_.data() + blocks_.size(), kNone);
    for (Index at = 0; at < n_; ++at) {
      double* p = const_cast<double*>(address(at));
      for (Index k = 0; k < d_; ++k) p[k * kernels::kPointBlock] = points(ids[at], k);
      p[d_ * kernels::kPointBlock] = lift_of(ids[at]);
    }
    sorted_.resize(n_);
    std::iota(sorted_.begin(), sorted_.end(), Index(0));
    std::vector<double> x(d_);
    std::sort(sorted_.begin(), sorted_.end(), [&](Index i, Index j) {
      const double *p = address(i), *q = address(j);
      for (Index k = 0; k < d_; ++k, p += kernels::kPointBlock, q += kernels::kPointBlock) {
        if (*p != *q) return *p < *q;
      }
      return false;
    });
  }

  // A number in [0, 1) that depends on the row only and has no pattern (splitmix64).
  static double lift_of(Index id) {
    std::uint64_t z = (std::uint64_t(id) + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return double((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

  double squared_distance_to_box(Index node, const double* x) const {
    const double *lo = low(node), *hi = high(node);
    double sum = 0.0;
    for (Index k = 0; k < d_; ++k) {
      const double outside = std::max({lo[k] - x[k], x[k] - hi[k], 0.0});
      sum += outside * outside;
    }
    return sum;
  }

  void scan_lowest(Index node, const double* base, double curvature, const double* slope,
                   kernels::PointValue& lowest) const {
    const Node& self = nodes_[node];
    if (self.right == 0) {
      const Index first_point = self.first * kernels::kPointBlock;
      kernels::PointValue found{lowest.value, -1};
      kernels::active().lowest_point(self.count, d_, address(first_point), base, curvature, slope,
                                     found);
      if (found.at >= 0) lowest = {found.value, first_point + found.at};
      return;
    }
    Index child[2] = {node + 1, self.right};
    double bound[2] = {least_in_box(child[0], base, curvature, slope),
                       least_in_box(child[1], base, curvature, slope)};
    const int near = bound[1] < bound[0];
    for (const int i : {near, 1 - near}) {
      if (bound[i] < lowest.value) scan_lowest(child[i], base, curvature, slope, lowest);
    }
  }

  // A lower bound of what the kernel lowest_point computes for a point of the box.
  double least_in_box(Index node, const double* base, double curvature, const double* slope) const {
    const double *lo = low(node), *hi = high(node);
    if (curvature == 1.0) return squared_distance_to_box(node, base);
    double sum = 0.0;
    for (Index k = 0; k < d_; ++k) sum += slope[k] * ((slope[k] > 0.0 ? lo[k] : hi[k]) - base[k]);
    return sum;
  }

  void scan_sphere(Index node, const double* hint, kernels::SphereSweep& sweep) const {
    const Node& self = nodes_[node];
    if (self.right == 0) {
      const Index first_point = self.first * kernels::kPointBlock;
      kernels::active().first_on_sphere(self.count, d_, address(first_point), first_point, sweep);
      return;
    }
    Index child[2] = {node + 1, self.right};
    const int near =
        squared_distance_to_box(child[1], hint) < squared_distance_to_box(child[0], hint);
    for (const int i : {near, 1 - near}) {
      if (may_meet(child[i], sweep)) scan_sphere(child[i], hint, sweep);
    }
  }

  // False when all points of the box lie behind the plane through `base`, or outside the sphere that
  // the sweep has reached.
  bool may_meet(Index node, const kernels::SphereSweep& sweep) const {
    const double *lo = low(node), *hi = high(node);
    double ahead = 0.0, distance_squared = 0.0;
    const bool bounded = std::isfinite(sweep.bound);
    for (Index k = 0; k < d_; ++k) {
      const double n = sweep.direction[k];
      ahead += n * ((n > 0.0 ? hi[k] : lo[k]) - sweep.base[k]);
      if (bounded) {
        const double center = sweep.base[k] + 0.5 * (sweep.twice_center[k] + sweep.step * n);
        const double outside = std::max({lo[k] - center, center - hi[k], 0.0});
        distance_squared += outside * outside;
      }
    }
    if (!(ahead > sweep.min_alpha)) return false;
    return !bounded ||
           distance_squared <= 0.25 * sweep.diameter_squared * kRounding + 2.0 * sweep.slack;
  }

  Index d_, n_ = 0, leaf_blocks_ = 1;
  double extent_ = 0.0;
  Buffer blocks_;
  std::vector<Index> ids_;     // position -> row
  std::vector<Index> sorted_;  // positions in the lexicographic order of the points
  std::vector<Node> nodes_;
  std::vector<double> boxes_;
};

}  // namespace precisekit
