// Location of points in a Delaunay mesh, for piecewise linear interpolation.
//
// Queries are visited along a Morton curve; each walks from the simplex of the one before, across the
// facet that it lies farthest beyond, until it lies beyond none (the visibility walk; O. Devillers,
// S. Pion and M. Teillaud, Walking in a triangulation, Int. J. Found. Comput. Sci. 13, 2002).
//
// In exact arithmetic the walk ends in every Delaunay mesh. Rounding, cospherical points and the flat
// simplices that come with them are met as follows.
//  - Both sides of a facet see the same plane to the last bit, and in a flat simplex planes take
//    their sides from the neighbours: it is walked through like any other.
//  - A query within rounding of a facet lies in all simplices around that hold it to within rounding;
//    the best-shaped of them answers, or one that has the query as a corner.
//  - A hull is not convex to the last bit. That a query lies beyond one of its facets proves that it is
//    outside only when it lies farther out than all points do.
//  - A walk that takes too long continues at random; at last all simplices are looked through.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"
#include "precisekit/interpolate/barycentric.hpp"
#include "precisekit/interpolate/hull_projection.hpp"
#include "precisekit/interpolate/morton_order.hpp"

namespace precisekit {

using SimplexTable = Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using SimplexTableRef = Eigen::Ref<const SimplexTable>;

// A mesh whose dimension is only known at run time; make_simplex_mesh() makes one.
class SimplexMesh {
 public:
  virtual ~SimplexMesh() = default;
  virtual Index dimension() const = 0;

  // The simplex around each row of xi (m x d) and the barycentric weights there. Those farther outside
  // of the hull than rounding have no answer, or, with `extrapolate`, that of the nearest point of the
  // hull; those that hold NaN or infinity never have one. An answer does not depend on the other
  // queries.
  //
  // Throws std::invalid_argument when xi has a wrong number of columns.
  virtual SimplexLocations locate(const RowMatrixRef& xi, bool extrapolate) const = 0;
};

template <int D>
class DelaunayMesh final : public SimplexMesh {
 public:
  DelaunayMesh(const RowMatrixRef& points, const SimplexTableRef& simplices,
               const SimplexTableRef& neighbors)
      : d_(points.cols()), n_simplices_(simplices.rows()) {
    set_frame(points);
    copy_in_order(points, simplices, neighbors);
    find_hull();
    find_planes();
    patience_ = 1000 + static_cast<Index>(20.0 * std::pow(double(n_simplices_), 1.0 / d_));
  }

  Index dimension() const override { return d_; }

  SimplexLocations locate(const RowMatrixRef& xi, bool extrapolate) const override {
    if (xi.cols() != d_) {
      throw std::invalid_argument("xi must have " + std::to_string(int(d_)) + " columns, got " +
                                  std::to_string(xi.cols()));
    }
    const Index m = xi.rows();
    SimplexLocations out(m, d_);
    const bool in_order = is_coherent(xi);
    KeyOrder order(in_order ? 0 : m);
    if (!in_order) sort_along_curve(xi, order);
    const Index n_tasks = (m + kTaskQueries - 1) / kTaskQueries;
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(m, n_tasks, task);
      Walk walk(*this, extrapolate);
      for (Index i = range.first; i < range.last; ++i) {
        const Index query = in_order ? i : order.item(i);
        walk.answer(&xi.coeffRef(query, 0), query, out);
      }
    });
    return out;
  }

 private:
  static constexpr int capacity = Dimension<D>::capacity;
  static constexpr Index kTaskQueries = 4096;
  static constexpr Index kTaskSimplices = 4096;
  // In tolerances, how far from a simplex x counts as one that it may hold.
  static constexpr double kAround = 4.0;
  static constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

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
    hull_scale_ = *std::min_element(scale_.begin(), scale_.end());
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

  // The planes of the facets: planes_[s] holds, for j = 0 ... d - 1 and then for the offset, the
  // d + 1 numbers of the facets opposite to the corners, so that the distances of a point from all of
  // them are one loop. They count inwards.
  void find_planes() {
    const Index stride = (d_ + 1) * (d_ + 1);
    planes_.resize(n_simplices_ * stride);
    height_.resize(n_simplices_);
    std::vector<std::uint64_t> open(n_simplices_,
                                    0);  // facets whose inner side is not known, as bits
    const Index n_tasks = (n_simplices_ + kTaskSimplices - 1) / kTaskSimplices;
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(n_simplices_, n_tasks, task);
      for (Index s = range.first; s < range.last; ++s) {
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
        height_[s] = static_cast<float>(height);
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
    double* plane = &planes_[s * (d_ + 1) * (d_ + 1) + k];
    for (int j = 0; j < d_; ++j) plane[j * (d_ + 1)] = normal[j];
    plane[d_ * (d_ + 1)] = offset;
  }

  // The unit vector x with A x = 0 for an A of rank columns - 1 (row-major, overwritten), by
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
    double square = 1.0;
    for (int r = rank - 1; r >= 0; --r) {
      double sum = 0.0;
      for (int j = r + 1; j < columns; ++j) sum -= A[r * columns + column[j]] * x[column[j]];
      x[column[r]] = sum / A[r * columns + column[r]];
      square += x[column[r]] * x[column[r]];
    }
    for (int j = 0; j < columns; ++j) x[j] /= std::sqrt(square);
  }

  double plane_distance(Index s, int k, const double* x) const {
    const double* plane = &planes_[s * (d_ + 1) * (d_ + 1) + k];
    double distance = -plane[d_ * (d_ + 1)];
    for (int j = 0; j < d_; ++j) distance += plane[j * (d_ + 1)] * (x[j] - center_[j]);
    return distance;
  }
  void turn(Index s, int k) {
    double* plane = &planes_[s * (d_ + 1) * (d_ + 1) + k];
    for (int j = 0; j <= d_; ++j) plane[j * (d_ + 1)] *= -1.0;
  }

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
        for (int j = 0; j <= d_; ++j) planes_[(s * (d_ + 1) + j) * (d_ + 1) + k] = 0.0;
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
    double product = 0.0;
    for (int j = 0; j < d_; ++j) {
      product +=
          planes_[(s * (d_ + 1) + j) * (d_ + 1) + k] * planes_[(t * (d_ + 1) + j) * (d_ + 1) + l];
    }
    return product > 0.0;
  }

  bool is_flat(Index s) const { return height_[s] <= kAround * tolerance_; }
  const double* point(Index p) const { return &points_[p * d_]; }
  const double* corner(Index s, int k) const { return point(corners_[s * (d_ + 1) + k]); }

  // The way from query to query, on one thread.
  class Walk {
   public:
    Walk(const DelaunayMesh& mesh, bool extrapolate)
        : mesh_(mesh), d_(mesh.d_), extrapolate_(extrapolate) {}

    void answer(const double* xi, Index query, SimplexLocations& out) {
      if (!set(xi)) return;
      if (at_ < 0) at_ = mesh_.near(x_);
      out.inside[query] = find();
      if (out.inside[query]) {
        write(query, out);
      } else if (extrapolate_) {
        move_to_hull(xi);
        write(query, out);
        clear_weights_off_face(query, out);
      }
    }

   private:
    enum class End { inside, on_facet, beyond_hull, endless };

    // False unless the coordinates are finite.
    bool set(const double* xi) {
      bool finite = true;
      for (int j = 0; j < d_; ++j) {
        x_[j] = xi[j] * mesh_.scale_[j];
        from_center_[j] = x_[j] - mesh_.center_[j];
        finite = finite && std::isfinite(from_center_[j]);
      }
      return finite;
    }

    void write(Index query, SimplexLocations& out) const {
      const double* corners[capacity + 1];
      for (int k = 0; k <= d_; ++k) {
        corners[k] = mesh_.corner(at_, k);
        out.rows(query, k) = mesh_.rows_[mesh_.corners_[Index(at_) * (d_ + 1) + k]];
      }
      barycentric_weights(d_, corners, x_, &out.weights(query, 0));
    }

    // Takes x to the nearest point of the hull, and at_ to its simplex.
    void move_to_hull(const double* xi) {
      if (!hull_) hull_ = std::make_unique<HullProjection>(mesh_.hull_cloud());
      hull_->project(Eigen::Map<const Vector>(xi, d_) * mesh_.hull_scale_);
      const Vector nearest_point = hull_->point() / mesh_.hull_scale_;
      set(nearest_point.data());
      if (find()) return;
      double nearest = -std::numeric_limits<double>::infinity();
      for (const std::int32_t s : mesh_.hull_) {  // farther outside than rounding should take it
        const double lowest = mesh_.is_flat(s) ? nearest : measure(s);
        if (lowest <= nearest) continue;
        nearest = lowest;
        at_ = s;
      }
    }

    // Makes the weights of corners across from a facet that holds x exactly zero: those left are the
    // corners of the face of the hull on which x lies.
    void clear_weights_off_face(Index query, SimplexLocations& out) {
      measure(at_);
      auto weights = out.weights.row(query);
      for (int k = 0; k <= d_; ++k) {
        if (distance_[k] <= kAround * mesh_.tolerance_) weights[k] = 0.0;
      }
      weights /= weights.sum();
    }

    // Takes at_ to the simplex that holds x; false when x is outside of the hull.
    bool find() {
      switch (walk()) {
        case End::inside: return true;
        case End::on_facet: at_ = best_around(at_); return true;
        case End::beyond_hull:
          if (is_proved_outside()) return false;
          break;
        case End::endless: break;
      }
      std::int32_t found = search_hull();
      if (found < 0) found = search_all();
      if (found < 0) return false;
      at_ = best_around(found);
      return true;
    }

    End walk() {
      const double tolerance = mesh_.tolerance_;
      for (Index step = 0; step < 10 * mesh_.patience_; ++step) {
        const double lowest = measure(at_);
        // In a flat simplex nothing tells where in its plane x lies: the walk does not end there.
        const bool in_plane = lowest >= -tolerance && mesh_.is_flat(at_);
        if (lowest >= -tolerance && !in_plane) {
          return lowest > kAround * tolerance ? End::inside : End::on_facet;
        }
        const std::int32_t* next = &mesh_.neighbors_[Index(at_) * (d_ + 1)];
        const bool at_random = in_plane || step >= mesh_.patience_;
        int facet = -1, seen = 0;
        for (int k = 0; k <= d_; ++k) {
          if (next[k] < 0 || !(in_plane || distance_[k] < -tolerance)) continue;
          ++seen;
          if (facet < 0 || (at_random ? draw(seen) == 0 : distance_[k] < distance_[facet]))
            facet = k;
        }
        if (facet < 0) return End::beyond_hull;
        at_ = next[facet];
      }
      return End::endless;
    }

    // The distances of x from the planes of a simplex, and the lowest of them.
    double measure(Index s) {
      const double* plane = &mesh_.planes_[s * (d_ + 1) * (d_ + 1)];
      for (int k = 0; k <= d_; ++k) distance_[k] = -plane[d_ * (d_ + 1) + k];
      for (int j = 0; j < d_; ++j) {
        for (int k = 0; k <= d_; ++k) distance_[k] += plane[j * (d_ + 1) + k] * from_center_[j];
      }
      double lowest = distance_[0];
      for (int k = 1; k <= d_; ++k) lowest = std::min(lowest, distance_[k]);
      return lowest;
    }

    // Of the simplices that hold x to within rounding and hang together with the given one: the one
    // that has x as a corner, else the best-shaped (of equals the first, wherever the walk came from).
    std::int32_t best_around(std::int32_t start) {
      const double reach = kAround * mesh_.tolerance_;
      std::int32_t best = -1;
      around_.assign(1, start);
      for (std::size_t i = 0; i < around_.size(); ++i) {
        const std::int32_t s = around_[i];
        if (measure(s) < -reach) continue;
        if (has_corner_at_x(s)) return s;
        const float height = mesh_.height_[s];
        if (best < 0 || height > mesh_.height_[best] ||
            (height == mesh_.height_[best] && s < best)) {
          best = s;
        }
        for (int k = 0; k <= d_; ++k) {
          const std::int32_t next = mesh_.neighbors_[Index(s) * (d_ + 1) + k];
          if (next < 0 || distance_[k] > reach) continue;
          if (std::find(around_.begin(), around_.end(), next) == around_.end())
            around_.push_back(next);
        }
      }
      return best;
    }

    bool has_corner_at_x(Index s) const {
      for (int k = 0; k <= d_; ++k) {
        if (std::equal(x_, x_ + d_, mesh_.corner(s, k))) return true;
      }
      return false;
    }

    // Whether x lies farther beyond a facet of at_, where the walk ended, than any point of the mesh.
    bool is_proved_outside() {
      for (int k = 0; k <= d_; ++k) {
        const std::int32_t next = mesh_.neighbors_[Index(at_) * (d_ + 1) + k];
        if (next >= 0 || distance_[k] >= -mesh_.tolerance_) continue;
        if (-distance_[k] > mesh_.overhang(at_, k) + mesh_.tolerance_) return true;
      }
      return false;
    }

    std::int32_t search_hull() {
      std::int32_t best = -1;
      for (const std::int32_t s : mesh_.hull_) try_simplex(s, best);
      return best;
    }
    std::int32_t search_all() {
      std::int32_t best = -1;
      for (Index s = 0; s < mesh_.n_simplices_; ++s)
        try_simplex(static_cast<std::int32_t>(s), best);
      return best;
    }
    void try_simplex(std::int32_t s, std::int32_t& best) {
      if (mesh_.is_flat(s) || (best >= 0 && mesh_.height_[s] <= mesh_.height_[best])) return;
      if (measure(s) >= -mesh_.tolerance_) best = s;
    }

    // A number from 0 to below n (xorshift; the same for every walk).
    int draw(int n) {
      random_ ^= random_ << 13;
      random_ ^= random_ >> 7;
      random_ ^= random_ << 17;
      return static_cast<int>(random_ % static_cast<std::uint64_t>(n));
    }

    const DelaunayMesh& mesh_;
    const Dimension<D> d_;
    const bool extrapolate_;
    std::unique_ptr<HullProjection> hull_;
    std::int32_t at_ = -1;
    double x_[capacity], from_center_[capacity], distance_[capacity + 1];
    std::vector<std::int32_t> around_;
    std::uint64_t random_ = 0x9e3779b97f4a7c15;
  };

  // The points on the hull, in coordinates that are scaled alike, so that squares stay in range.
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

  // Whether the queries run through space in steps about as short as ordered ones would.
  bool is_coherent(const RowMatrixRef& xi) const {
    const Index m = xi.rows();
    if (m < 3) return true;
    double path = 0.0;
    const Index stride = std::max<Index>(1, m / 1024);
    Index steps = 0;
    for (Index i = 1; i < m; i += stride, ++steps) {
      double step = 0.0;
      for (int j = 0; j < d_; ++j) {
        step = std::max(step, std::abs(xi(i, j) - xi(i - 1, j)) * scale_[j]);
      }
      path += step;
    }
    return path <= 4.0 * steps * std::pow(double(m), -1.0 / d_);
  }

  void sort_along_curve(const RowMatrixRef& xi, KeyOrder& order) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    std::vector<double> lo(d_, infinity), hi(d_, -infinity);
    for (Index i = 0; i < xi.rows(); ++i) {
      for (int j = 0; j < d_; ++j) {
        if (!std::isfinite(xi(i, j))) continue;
        lo[j] = std::min(lo[j], xi(i, j));
        hi[j] = std::max(hi[j], xi(i, j));
      }
    }
    const MortonCurve curve(lo.data(), hi.data(), d_);
    const Index n_tasks = (xi.rows() + kTaskQueries - 1) / kTaskQueries;
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(xi.rows(), n_tasks, task);
      for (Index i = range.first; i < range.last; ++i) order.set(i, curve(&xi.coeffRef(i, 0)));
    });
    order.sort();
  }

  Dimension<D> d_;
  Index n_simplices_, patience_;
  std::vector<double> scale_, center_;
  double hull_scale_, tolerance_;
  std::unique_ptr<MortonCurve> curve_;
  std::vector<std::uint32_t> keys_;  // of the simplices
  std::vector<Index> rows_;          // of the points, as they were given
  std::vector<double> points_, planes_;
  std::vector<std::int32_t> corners_, neighbors_, hull_, hull_points_;
  std::vector<float> height_;  // the least distance of a corner from its facet
  std::unique_ptr<std::atomic<double>[]> overhang_;
  mutable std::once_flag hull_once_;
  mutable std::unique_ptr<PointCloud> hull_cloud_;
};

// The mesh with the given corners (one simplex a row) and neighbours (opposite to each corner, -1 on
// the hull), as SciPy's Delaunay has them; `points` (n x d) are finite.
//
// Throws std::invalid_argument for shapes that do not match and for rows that name what is not there.
inline std::unique_ptr<SimplexMesh> make_simplex_mesh(const RowMatrixRef& points,
                                                      const SimplexTableRef& simplices,
                                                      const SimplexTableRef& neighbors) {
  const Index d = points.cols();
  if (d < 1 || d > Dimension<Eigen::Dynamic>::capacity) {
    throw std::invalid_argument("a mesh can have 1 to " +
                                std::to_string(Dimension<Eigen::Dynamic>::capacity) +
                                " dimensions, got " + std::to_string(d));
  }
  if (simplices.rows() < 1 || simplices.cols() != d + 1 || neighbors.rows() != simplices.rows() ||
      neighbors.cols() != d + 1) {
    throw std::invalid_argument("simplices and neighbors must both have the shape (m, " +
                                std::to_string(d + 1) + ") and at least one row");
  }
  switch (d) {
    case 1: return std::make_unique<DelaunayMesh<1>>(points, simplices, neighbors);
    case 2: return std::make_unique<DelaunayMesh<2>>(points, simplices, neighbors);
    case 3: return std::make_unique<DelaunayMesh<3>>(points, simplices, neighbors);
    case 4: return std::make_unique<DelaunayMesh<4>>(points, simplices, neighbors);
    case 5: return std::make_unique<DelaunayMesh<5>>(points, simplices, neighbors);
    case 6: return std::make_unique<DelaunayMesh<6>>(points, simplices, neighbors);
    default: return std::make_unique<DelaunayMesh<Eigen::Dynamic>>(points, simplices, neighbors);
  }
}

}  // namespace precisekit
