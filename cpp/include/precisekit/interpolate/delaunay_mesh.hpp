// A Delaunay mesh with the planes of all facets, in which a walk finds its way.
//
// Rounding, cospherical points and the flat simplices that come with them are met as follows.
//  - Both sides of a facet see the same plane to the last bit, and in a flat simplex planes take
//    their sides from the neighbours: it is walked through like any other.
//  - A hull is not convex to the last bit: each of its facets knows how far points lie beyond it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "precisekit/core/huge_pages.hpp"
#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"
#include "precisekit/interpolate/barycentric.hpp"
#include "precisekit/interpolate/morton_order.hpp"
#include "precisekit/interpolate/point_cloud.hpp"

namespace precisekit {

using SimplexTable = Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using SimplexTableRef = Eigen::Ref<const SimplexTable>;

// Coordinates; and numbers for the d + 1 facets of a simplex, an even number of them, so that they fill
// registers: what is beyond facets never counts.
template <int D>
using Point = Eigen::Array<double, D, 1, 0, Dimension<D>::capacity, 1>;
constexpr int facet_lanes(int d) { return (d + 2) / 2 * 2; }
template <int D>
using PerFacet = Eigen::Array<double, D == Eigen::Dynamic ? Eigen::Dynamic : facet_lanes(D), 1, 0,
                              facet_lanes(Dimension<D>::capacity), 1>;

// The place of the lowest number, without branches, as none would be foreseen.
template <int D>
int place_of_lowest(const PerFacet<D>& v) {
  int place = 0;
  double lowest = v[0];
  for (int k = 1; k < v.size(); ++k) {
    place += (k - place) * int(v[k] < lowest);
    lowest = std::min(lowest, v[k]);
  }
  return place;
}

// Simplices and points are numbered along a Morton curve, and coordinates are in the units of the mesh.
template <int D>
class DelaunayMesh {
 public:
  static constexpr int capacity = Dimension<D>::capacity;
  // In tolerances, how far from a simplex x counts as one that it may hold.
  static constexpr double kAround = 4.0;

  // The mesh with the given corners (one simplex a row) and neighbours (opposite to each corner, -1 on
  // the hull).
  //
  // Throws std::invalid_argument for rows that name what is not there.
  DelaunayMesh(const RowMatrixRef& points, const SimplexTableRef& simplices,
               const SimplexTableRef& neighbors)
      : d_(points.cols()), n_simplices_(simplices.rows()) {
    set_frame(points);
    copy_in_order(points, simplices, neighbors);
    find_hull();
    find_planes();
  }

  Dimension<D> dimension() const { return d_; }
  Index n_simplices() const { return n_simplices_; }

  // Coordinates in the mesh are those of the points times scale(), powers of two, which round nothing.
  const Point<D>& scale() const { return scale_; }
  Point<D> coordinates(const double* point) const {
    return Eigen::Map<const Point<D>>(point, d_) * scale_;
  }
  // What rounding does to a distance from a plane.
  double tolerance() const { return tolerance_; }

  const double* corner(Index s, int k) const { return point(corners_[s * (d_ + 1) + k]); }
  // The row in which a corner was given.
  Index row(Index s, int k) const { return rows_[corners_[s * (d_ + 1) + k]]; }
  // Opposite to each corner; negative on the hull.
  const std::int32_t* neighbors(Index s) const { return &neighbors_[s * (d_ + 1)]; }
  // The least distance of a corner from its facet.
  float height(Index s) const { return shape_[s].height; }
  // Nothing tells where in the plane of a flat simplex a point lies.
  bool is_flat(Index s) const { return shape_[s].height <= kAround * tolerance_; }
  // The simplices of the facets of the hull.
  const std::vector<std::int32_t>& on_hull() const { return hull_; }

  // The distances of x from the planes of the facets opposite to the corners, positive inwards. The
  // largest component of a normal is one: they are in units of its length.
  PerFacet<D> distances(Index s, const Point<D>& x) const {
    const auto plane = planes(s);
    PerFacet<D> distance = -plane.col(d_);
    for (int j = 0; j < d_; ++j) distance += plane.col(j) * (x[j] - center_[j]);
    return distance;
  }

  // Sets w (d + 1) to the weights of x in a simplex that holds it, as barycentric_weights() has them.
  void weigh(Index s, const Point<D>& x, double* w) const {
    if (shape_[s].thickness == Thickness::sliver) return weigh_in_sliver(s, x, w);
    int base = 0;
    PerFacet<D> rise = rises(s, x, base);
    if (rise.maxCoeff() > kAtCorner) {  // from there, so that at the corner all others are zero
      rise.maxCoeff(&base);
      rise = rises(s, x, base);
    }
    const double sum = rise.sum() - rise[base];
    for (int k = 0; k <= d_; ++k) w[k] = rise[k];
    w[base] = 1.0 - sum;
    if (sum > 1.0) {
      w[base] = 0.0;
      for (int k = 0; k <= d_; ++k) w[k] /= sum;
    }
  }

  // The points on the hull, in the coordinates of the points times hull_scale(): scaled alike, and so
  // that squares stay in range.
  const PointCloud& hull_cloud() const {
    std::call_once(hull_once_, [&] {
      RowMatrix points(Index(hull_points_.size()), int(d_));
      for (Index i = 0; i < points.rows(); ++i) {
        for (int j = 0; j < d_; ++j)
          points(i, j) = point(hull_points_[i])[j] * (hull_scale_ / scale_[j]);
      }
      hull_cloud_ = std::make_unique<PointCloud>(points);
    });
    return *hull_cloud_;
  }

  double hull_scale() const { return hull_scale_; }

  // A simplex near x.
  std::int32_t near(const double* x) const {
    const auto found = std::lower_bound(keys_.begin(), keys_.end(), (*curve_)(x));
    return static_cast<std::int32_t>(std::min<Index>(found - keys_.begin(), n_simplices_ - 1));
  }

  // How far points of the mesh lie beyond a facet of the hull; found when first asked for.
  double overhang(Index s, int k) const {
    std::atomic<double>& known = overhang_[-1 - neighbors_[s * (d_ + 1) + k]];
    double farthest = known.load(std::memory_order_relaxed);
    if (farthest >= 0.0) return farthest;
    farthest = 0.0;
    for (const std::int32_t p : hull_points_)
      farthest = std::max(farthest, -plane_distance(s, k, point(p)));
    known.store(farthest, std::memory_order_relaxed);
    return farthest;
  }

 private:
  static constexpr Index kTaskSimplices = 4096;
  static constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  // The least weight with which x may be a corner to within rounding.
  static constexpr double kAtCorner = 1.0 - 1e-8;
  // A distance beyond all others.
  static constexpr double kFar = 1e300;
  // The least heights, in lengths of the longest edge, of simplices that are not thin and no slivers.
  static constexpr double kThick = 1.0 / 16.0, kThin = 1e-6;

  // What rounding in normals and heights does to weights computed from them: nothing to speak of; what
  // one step of refinement mends; too much.
  enum class Thickness : std::uint8_t { thick, thin, sliver };

  struct Shape {
    float height;
    Thickness thickness;
  };

  // Coordinates in the units of the mesh: its box has sides of about 1, by powers of two, which round
  // nothing. The origin of the planes is the middle of the points.
  void set_frame(const RowMatrixRef& points) {
    scale_.resize(d_);
    center_.resize(d_);
    double largest = 0.0;
    for (int j = 0; j < d_; ++j) {
      const double lo = points.col(j).minCoeff(), hi = points.col(j).maxCoeff();
      const double width = hi - lo > 0.0 ? hi - lo : 1.0;
      scale_[j] = std::ldexp(1.0, std::clamp(-std::ilogb(width), -1000, 1000));
      center_[j] = (points.col(j) * scale_[j]).mean();
      largest = std::max({largest, std::abs(lo * scale_[j]), std::abs(hi * scale_[j])});
    }
    hull_scale_ = scale_.minCoeff();
    tolerance_ = 2.0 * (d_ + 1) * kEpsilon * largest;
  }

  // Simplices and points in Morton order, so that a walk finds its way in the caches.
  void copy_in_order(const RowMatrixRef& points, const SimplexTableRef& simplices,
                     const SimplexTableRef& neighbors) {
    const Index n = points.rows(), corners = d_ + 1;
    std::vector<double> lo(d_), hi(d_), middle(d_);
    for (int j = 0; j < d_; ++j) {
      lo[j] = points.col(j).minCoeff() * scale_[j];
      hi[j] = points.col(j).maxCoeff() * scale_[j];
    }
    curve_ = std::make_unique<MortonCurve>(lo.data(), hi.data(), d_);
    KeyOrder order(n_simplices_);
    for (Index s = 0; s < n_simplices_; ++s) {
      std::fill(middle.begin(), middle.end(), 0.0);
      for (Index k = 0; k < corners; ++k) {
        const std::int32_t corner = simplices(s, k), next = neighbors(s, k);
        if (corner < 0 || corner >= n || next < -1 || next >= n_simplices_) {
          throw std::invalid_argument("row " + std::to_string(s) +
                                      " of the mesh names a point or a simplex that is not there");
        }
        for (int j = 0; j < d_; ++j) middle[j] += points(corner, j) * scale_[j] / corners;
      }
      order.set(s, (*curve_)(middle.data()));
    }
    order.sort();

    std::vector<std::int32_t> place(n_simplices_), name(n, -1);
    keys_.resize(n_simplices_);
    for (Index s = 0; s < n_simplices_; ++s) {
      place[order.item(s)] = static_cast<std::int32_t>(s);
      keys_[s] = order.key(s);
    }
    corners_.resize(n_simplices_ * corners);
    neighbors_.resize(n_simplices_ * corners);
    for (Index s = 0; s < n_simplices_; ++s) {
      for (Index k = 0; k < corners; ++k) {
        const std::int32_t point = simplices(order.item(s), k), next = neighbors(order.item(s), k);
        if (name[point] < 0) {
          name[point] = static_cast<std::int32_t>(rows_.size());
          rows_.push_back(point);
          for (int j = 0; j < d_; ++j) points_.push_back(points(point, j) * scale_[j]);
        }
        corners_[s * corners + k] = name[point];
        neighbors_[s * corners + k] = next < 0 ? -1 : place[next];
      }
    }
  }

  // Numbers the facets of the hull; facet h is the neighbour -1 - h of its simplex.
  void find_hull() {
    std::vector<bool> on_hull(rows_.size(), false);
    for (Index s = 0; s < n_simplices_; ++s) {
      for (int k = 0; k <= d_; ++k) {
        std::int32_t& next = neighbors_[s * (d_ + 1) + k];
        if (next >= 0) continue;
        next = -1 - static_cast<std::int32_t>(hull_.size());
        hull_.push_back(static_cast<std::int32_t>(s));
        for (int i = 0; i <= d_; ++i) {
          if (i != k) on_hull[corners_[s * (d_ + 1) + i]] = true;
        }
      }
    }
    for (Index p = 0; p < Index(rows_.size()); ++p) {
      if (on_hull[p]) hull_points_.push_back(static_cast<std::int32_t>(p));
    }
    overhang_ = std::make_unique<std::atomic<double>[]>(hull_.size());
    for (std::size_t h = 0; h < hull_.size(); ++h) overhang_[h] = -1.0;
  }

  void find_planes() {
    planes_ = table_buffer(n_simplices_ * record());
    shape_.resize(n_simplices_);
    std::vector<std::uint64_t> open(n_simplices_,
                                    0);  // facets whose inner side is not known, as bits
    const Index n_tasks = (n_simplices_ + kTaskSimplices - 1) / kTaskSimplices;
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(n_simplices_, n_tasks, task);
      for (Index s = range.first; s < range.last; ++s) {
        planes(s) = 0.0;
        planes(s).col(d_).tail(lanes() - d_ - 1) = -kFar;
        double height = std::numeric_limits<double>::infinity();
        for (int k = 0; k <= d_; ++k) {
          set_plane(s, k);
          const double own = plane_distance(s, k, corner(s, k));
          if (own < 0.0) turn(s, k);
          if (std::abs(own) <= tolerance_ && !turn_by_neighbor(s, k)) {
            open[s] |= std::uint64_t(1) << k;
          }
          height = std::min(height, std::abs(own));
        }
        set_shape(s, height);
      }
    });
    close_flat_simplices(open);
  }

  // The plane of a facet from its corners in a fixed order, the same from both its sides. A facet
  // without an area has the plane 0: nothing lies beyond it.
  void set_plane(Index s, int k) {
    std::array<std::int32_t, capacity> facet{};
    int n = 0;
    for (int i = 0; i <= d_; ++i) {
      if (i != k) facet[n++] = corners_[s * (d_ + 1) + i];
    }
    std::sort(facet.begin(), facet.begin() + n);
    double edges[capacity * capacity], normal[capacity];
    const double* origin = point(facet[0]);
    for (int i = 1; i < n; ++i) {
      for (int j = 0; j < d_; ++j) edges[(i - 1) * d_ + j] = point(facet[i])[j] - origin[j];
    }
    null_vector(d_ - 1, d_, edges, normal);
    double offset = 0.0;
    for (int j = 0; j < d_; ++j) offset += normal[j] * (origin[j] - center_[j]);
    double height = 0.0;
    for (int j = 0; j < d_; ++j) height += normal[j] * (corner(s, k)[j] - origin[j]);
    auto plane = planes(s).row(k);
    for (int j = 0; j < d_; ++j) plane[j] = normal[j];
    plane[d_] = offset;
    plane[d_ + 1] = 1.0 / std::abs(height);
  }

  // The planes of a simplex, a row each: the components of the normal, its offset from the center, and
  // one over the height of the corner. Side by side by columns, so that all facets are one loop.
  using Planes = Eigen::Array<double, PerFacet<D>::RowsAtCompileTime,
                              D == Eigen::Dynamic ? Eigen::Dynamic : D + 2>;
  int lanes() const { return facet_lanes(d_); }
  Index record() const { return lanes() * (d_ + 2); }
  Eigen::Map<const Planes> planes(Index s) const {
    return Eigen::Map<const Planes>(planes_.data() + s * record(), lanes(), d_ + 2);
  }
  Eigen::Map<Planes> planes(Index s) {
    return Eigen::Map<Planes>(planes_.data() + s * record(), lanes(), d_ + 2);
  }
  Eigen::Map<const Point<D>> corner_point(Index s, int k) const {
    return Eigen::Map<const Point<D>>(corner(s, k), d_);
  }

  // The weights of x but for that of the base: what the step from that corner rises towards each other
  // one, in heights.
  PerFacet<D> rises(Index s, const Point<D>& x, int base) const {
    Point<D> step = x - corner_point(s, base);
    PerFacet<D> rise = relative_rises(s, step);
    if (shape_[s].thickness == Thickness::thin) {
      for (int k = 0; k <= d_; ++k) {
        step -= rise[k] * (corner_point(s, k) - corner_point(s, base));
      }
      rise += relative_rises(s, step);
    }
    return rise.max(0.0);  // what is below zero by rounding, or as that of the base
  }
  PerFacet<D> relative_rises(Index s, const Point<D>& step) const {
    const auto plane = planes(s);
    PerFacet<D> rise = plane.col(0) * step[0];
    for (int j = 1; j < d_; ++j) rise += plane.col(j) * step[j];
    return rise * plane.col(d_ + 1);
  }

  void weigh_in_sliver(Index s, const Point<D>& x, double* w) const {
    const double* corners[capacity + 1];
    for (int k = 0; k <= d_; ++k) corners[k] = corner(s, k);
    barycentric_weights(d_, corners, x.data(), w);
  }

  void set_shape(Index s, double height) {
    double longest = 0.0;
    for (int k = 1; k <= d_; ++k) {
      for (int i = 0; i < k; ++i) {
        for (int j = 0; j < d_; ++j) {
          longest = std::max(longest, std::abs(corner(s, k)[j] - corner(s, i)[j]));
        }
      }
    }
    shape_[s].height = static_cast<float>(height);
    shape_[s].thickness = is_flat(s) || height < kThin * longest ? Thickness::sliver
                          : height < kThick * longest            ? Thickness::thin
                                                                 : Thickness::thick;
  }

  // The x of largest component one with A x = 0 for an A of rank columns - 1 (row-major, overwritten), by
  // elimination with complete pivoting; 0 when the rank is less.
  static void null_vector(int rows, int columns, double* A, double* x) {
    const int rank = columns - 1;
    std::array<int, capacity + 1> column;
    for (int j = 0; j < columns; ++j) column[j] = j;
    double largest = 0.0;
    for (int r = 0; r < rank; ++r) {
      int row = r, best = r;
      double pivot = 0.0;
      for (int i = r; i < rows; ++i) {
        for (int j = r; j < columns; ++j) {
          const double entry = std::abs(A[i * columns + column[j]]);
          if (!(entry > pivot)) continue;
          pivot = entry;
          row = i;
          best = j;
        }
      }
      largest = std::max(largest, pivot);
      if (!(pivot > 4.0 * kEpsilon * largest)) {
        std::fill(x, x + columns, 0.0);
        return;
      }
      std::swap(column[r], column[best]);
      if (row != r) std::swap_ranges(A + r * columns, A + (r + 1) * columns, A + row * columns);
      const double* top = A + r * columns;
      for (int i = r + 1; i < rows; ++i) {
        const double factor = A[i * columns + column[r]] / top[column[r]];
        for (int j = r; j < columns; ++j) A[i * columns + column[j]] -= factor * top[column[j]];
      }
    }
    x[column[rank]] = 1.0;
    double most = 1.0;
    for (int r = rank - 1; r >= 0; --r) {
      double sum = 0.0;
      for (int j = r + 1; j < columns; ++j) sum -= A[r * columns + column[j]] * x[column[j]];
      x[column[r]] = sum / A[r * columns + column[r]];
      most = std::max(most, std::abs(x[column[r]]));
    }
    for (int j = 0; j < columns; ++j) x[j] /= most;
  }

  double plane_distance(Index s, int k, const double* x) const {
    const auto plane = planes(s).row(k);
    double distance = -plane[d_];
    for (int j = 0; j < d_; ++j) distance += plane[j] * (x[j] - center_[j]);
    return distance;
  }
  void turn(Index s, int k) { planes(s).row(k).head(d_ + 1) *= -1.0; }

  // Turns the plane of a facet whose own corner does not tell its inner side: the corner of the
  // neighbour is on the other one, and beside a facet of the hull lie the points. False when that
  // does not tell either.
  bool turn_by_neighbor(Index s, int k) {
    const std::int32_t next = neighbors_[s * (d_ + 1) + k];
    const double inwards = next < 0 ? plane_distance(s, k, center_.data())
                                    : -plane_distance(s, k, corner(next, facing_corner(next, s)));
    if (std::abs(inwards) <= tolerance_) return false;
    if (inwards < 0.0) turn(s, k);
    return true;
  }

  // The corner of simplex s that its neighbour t does not have (the first, if there are more).
  int facing_corner(Index s, Index t) const {
    const std::int32_t* others = &corners_[t * (d_ + 1)];
    int k = 0;
    while (k < d_ &&
           std::find(others, others + d_ + 1, corners_[s * (d_ + 1) + k]) != others + d_ + 1) {
      ++k;
    }
    return k;
  }

  // Turns the planes between flat simplices. The corners of a flat simplex are bound by
  // sum_k a_k x_k = 0, sum_k a_k = 0; the signs of a tell which of its facets have the same inner
  // side. One that is known so gives the others, and then those of the neighbours.
  void close_flat_simplices(std::vector<std::uint64_t>& open) {
    for (bool changed = true; changed;) {
      changed = false;
      for (Index s = 0; s < n_simplices_; ++s) {
        if (open[s] == 0) continue;
        const std::uint64_t before = open[s];
        turn_by_turned_neighbors(s, open);
        turn_by_dependence(s, open);
        changed = changed || open[s] != before;
      }
    }
    for (Index s = 0; s < n_simplices_; ++s) {
      for (int k = 0; k <= d_; ++k) {
        if (!(open[s] >> k & 1)) continue;
        planes(s).row(k).head(d_ + 1) = 0.0;
      }
    }
  }

  void turn_by_turned_neighbors(Index s, std::vector<std::uint64_t>& open) {
    for (int k = 0; k <= d_; ++k) {
      const std::int32_t next = neighbors_[s * (d_ + 1) + k];
      if (!(open[s] >> k & 1) || next < 0) continue;
      const int other = facing_corner(next, s);
      if (open[next] >> other & 1) continue;
      if (same_side(s, k, next, other)) turn(s, k);
      open[s] &= ~(std::uint64_t(1) << k);
    }
  }

  void turn_by_dependence(Index s, std::vector<std::uint64_t>& open) {
    double edges[capacity * capacity], a[capacity + 1];
    for (int j = 0; j < d_; ++j) {
      for (int k = 1; k <= d_; ++k) edges[j * d_ + k - 1] = corner(s, k)[j] - corner(s, 0)[j];
    }
    null_vector(d_, d_, edges, a + 1);
    a[0] = 0.0;
    for (int k = 1; k <= d_; ++k) a[0] -= a[k];
    int known = -1;
    for (int k = 0; k <= d_; ++k) {
      if (!(open[s] >> k & 1) && (known < 0 || std::abs(a[k]) > std::abs(a[known]))) known = k;
    }
    if (known < 0 || std::abs(a[known]) <= tolerance_) return;
    for (int k = 0; k <= d_; ++k) {
      if (!(open[s] >> k & 1) || std::abs(a[k]) <= tolerance_) continue;
      if (same_side(s, k, s, known) != (a[k] * a[known] > 0.0)) turn(s, k);
      open[s] &= ~(std::uint64_t(1) << k);
    }
  }

  // Whether the planes of two facets, which lie in one plane, count to the same side.
  bool same_side(Index s, int k, Index t, int l) const {
    const double product = (planes(s).row(k).head(d_) * planes(t).row(l).head(d_)).sum();
    return product > 0.0;
  }

  const double* point(Index p) const { return &points_[p * d_]; }

  Dimension<D> d_;
  Index n_simplices_;
  Point<D> scale_, center_;
  double hull_scale_, tolerance_;
  std::unique_ptr<MortonCurve> curve_;
  std::vector<std::uint32_t> keys_;  // of the simplices
  std::vector<Index> rows_;          // of the points
  std::vector<double> points_;
  Buffer planes_;
  std::vector<std::int32_t> corners_, neighbors_, hull_, hull_points_;
  std::vector<Shape> shape_;
  std::unique_ptr<std::atomic<double>[]> overhang_;
  mutable std::once_flag hull_once_;
  mutable std::unique_ptr<PointCloud> hull_cloud_;
};

}  // namespace precisekit
