// Location of points in a Delaunay mesh.
//
// Each query walks from the simplex of the one before, across the facet that it lies farthest beyond,
// until it lies beyond none (the visibility walk; O. Devillers, S. Pion and M. Teillaud, Walking in a
// triangulation, Int. J. Found. Comput. Sci. 13, 2002).
//
// In exact arithmetic the walk ends in every Delaunay mesh. Rounding is met as follows.
//  - A query within rounding of a facet lies in all simplices around that hold it to within rounding;
//    the best-shaped of them answers, or one that has the query as a corner.
//  - A hull is not convex to the last bit. That a query lies beyond one of its facets proves that it is
//    outside only when it lies farther out than all points do.
//  - A walk that takes too long continues at random; at last all simplices are looked through.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "precisekit/interpolate/barycentric.hpp"
#include "precisekit/interpolate/delaunay_mesh.hpp"
#include "precisekit/interpolate/hull_projection.hpp"

namespace precisekit {

// The way from query to query, on one thread. The mesh must outlive it.
template <int D>
class MeshWalk {
 public:
  explicit MeshWalk(const DelaunayMesh<D>& mesh)
      : mesh_(mesh), d_(mesh.dimension()), patience_(patience(mesh)) {}

  enum class Place { nowhere, inside, on_hull };

  // Goes to the simplex that holds xi (d coordinates, as the points were given), or, with
  // `extrapolate`, to that with the nearest point of the hull. Nowhere without it when xi is farther
  // outside than rounding, and when xi is not finite. Where it ends does not depend on the queries
  // before.
  Place go_to(const double* xi, bool extrapolate) {
    x_ = mesh_.coordinates(xi);
    if (!x_.allFinite()) return Place::nowhere;
    if (at_ < 0) at_ = mesh_.near(x_.data());
    if (find()) return Place::inside;
    if (!extrapolate) return Place::nowhere;
    go_to_hull(xi);
    return Place::on_hull;
  }

  // Where it went.
  std::int32_t simplex() const { return at_; }

  // The weights of the nearest point of the hull: exactly zero but for corners of the face that holds it.
  void weigh_on_hull(double* w) const {
    mesh_.weigh(at_, x_, w);
    const PerFacet<D> distance = mesh_.distances(at_, x_);
    double sum = 0.0;
    for (int k = 0; k <= d_; ++k) {
      if (distance[k] <= mesh_.kAround * mesh_.tolerance()) w[k] = 0.0;
      sum += w[k];
    }
    for (int k = 0; k <= d_; ++k) w[k] /= sum;
  }

 private:
  enum class End { inside, on_facet, beyond_hull, endless };

  // Steps that a walk hardly ever needs.
  static Index patience(const DelaunayMesh<D>& mesh) {
    return 1000 + Index(20.0 * std::pow(double(mesh.n_simplices()), 1.0 / mesh.dimension()));
  }

  // Takes x to the nearest point of the hull, and at_ to its simplex.
  void go_to_hull(const double* xi) {
    if (!hull_) hull_ = std::make_unique<HullProjection>(mesh_.hull_cloud());
    hull_->project(Eigen::Map<const Vector>(xi, d_) * mesh_.hull_scale());
    const Vector nearest_point = hull_->point() / mesh_.hull_scale();
    x_ = mesh_.coordinates(nearest_point.data());
    if (find()) return;
    double nearest = -std::numeric_limits<double>::infinity();
    for (const std::int32_t s : mesh_.on_hull()) {  // farther outside than rounding should take it
      const double lowest = mesh_.is_flat(s) ? nearest : measure(s);
      if (lowest <= nearest) continue;
      nearest = lowest;
      at_ = s;
    }
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
    const double tolerance = mesh_.tolerance();
    for (Index step = 0; step < 10 * patience_; ++step) {
      const double lowest = measure(at_);
      // In a flat simplex nothing tells where in its plane x lies: the walk does not end there.
      const bool in_plane = lowest >= -tolerance && mesh_.is_flat(at_);
      if (lowest >= -tolerance && !in_plane) {
        return lowest > mesh_.kAround * tolerance ? End::inside : End::on_facet;
      }
      const std::int32_t* next = mesh_.neighbors(at_);
      int facet = place_of_lowest<D>(distance_);
      if (in_plane || step >= patience_ || next[facet] < 0) {
        facet = other_way(next, in_plane, step >= patience_);
        if (facet < 0) return End::beyond_hull;
      }
      at_ = next[facet];
    }
    return End::endless;
  }

  // Of the facets that x lies beyond and that have a neighbour: the one that it lies farthest beyond,
  // or any, at random; in the plane of a flat simplex any of those that have a neighbour. -1 if none.
  int other_way(const std::int32_t* next, bool in_plane, bool at_random) {
    int facet = -1, seen = 0;
    for (int k = 0; k <= d_; ++k) {
      if (next[k] < 0 || !(in_plane || distance_[k] < -mesh_.tolerance())) continue;
      ++seen;
      const bool take =
          in_plane || at_random ? draw(seen) == 0 : facet < 0 || distance_[k] < distance_[facet];
      if (take) facet = k;
    }
    return facet;
  }

  // The distances of x from the planes of a simplex, and the lowest of them.
  double measure(Index s) {
    distance_ = mesh_.distances(s, x_);
    return distance_.minCoeff();
  }

  // Of the simplices that hold x to within rounding and hang together with the given one: the one
  // that has x as a corner, else the best-shaped (of equals the first, wherever the walk came from).
  std::int32_t best_around(std::int32_t start) {
    const double reach = mesh_.kAround * mesh_.tolerance();
    std::int32_t best = -1;
    around_.assign(1, start);
    for (std::size_t i = 0; i < around_.size(); ++i) {
      const std::int32_t s = around_[i];
      if (measure(s) < -reach) continue;
      if (has_corner_at_x(s)) return s;
      const float height = mesh_.height(s);
      if (best < 0 || height > mesh_.height(best) || (height == mesh_.height(best) && s < best)) {
        best = s;
      }
      for (int k = 0; k <= d_; ++k) {
        const std::int32_t next = mesh_.neighbors(s)[k];
        if (next < 0 || distance_[k] > reach) continue;
        if (std::find(around_.begin(), around_.end(), next) == around_.end()) {
          around_.push_back(next);
        }
      }
    }
    return best;
  }

  bool has_corner_at_x(Index s) const {
    for (int k = 0; k <= d_; ++k) {
      if (std::equal(x_.data(), x_.data() + d_, mesh_.corner(s, k))) return true;
    }
    return false;
  }

  // Whether x lies farther beyond a facet of at_, where the walk ended, than any point of the mesh.
  bool is_proved_outside() {
    for (int k = 0; k <= d_; ++k) {
      if (mesh_.neighbors(at_)[k] >= 0 || distance_[k] >= -mesh_.tolerance()) continue;
      if (-distance_[k] > mesh_.overhang(at_, k) + mesh_.tolerance()) return true;
    }
    return false;
  }

  std::int32_t search_hull() {
    std::int32_t best = -1;
    for (const std::int32_t s : mesh_.on_hull()) try_simplex(s, best);
    return best;
  }
  std::int32_t search_all() {
    std::int32_t best = -1;
    for (Index s = 0; s < mesh_.n_simplices(); ++s) try_simplex(static_cast<std::int32_t>(s), best);
    return best;
  }
  void try_simplex(std::int32_t s, std::int32_t& best) {
    if (mesh_.is_flat(s) || (best >= 0 && mesh_.height(s) <= mesh_.height(best))) return;
    if (measure(s) >= -mesh_.tolerance()) best = s;
  }

  // A number from 0 to below n (xorshift; the same for every walk).
  int draw(int n) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<int>(random_ % static_cast<std::uint64_t>(n));
  }

  const DelaunayMesh<D>& mesh_;
  const Dimension<D> d_;
  const Index patience_;
  std::unique_ptr<HullProjection> hull_;
  std::int32_t at_ = -1;
  Point<D> x_;
  PerFacet<D> distance_;
  std::vector<std::int32_t> around_;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
};

}  // namespace precisekit
