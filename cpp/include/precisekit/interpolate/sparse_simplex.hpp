// The Delaunay simplex around a query, without the triangulation.
//
// After DELAUNAYSPARSE (Chang, Watson, Lux, Butt, Cameron and Hong, ACM TOMS Algorithm 1012, 2020): an
// initial simplex grows point by point, each with a sphere around that holds no point inside; then
// the simplex is flipped across the facet that the query lies farthest beyond, onto the point that
// the sphere through that facet meets first, until the query is inside. In terms of linear
// programming: minimise sum_i w_i |x_i|^2 over the weights w >= 0, sum_i w_i = 1, sum_i w_i x_i = q;
// a simplex with an empty sphere is a dual feasible basis, and the walk is the dual simplex method.
//
// What differs from the paper:
// - While the first simplex grows, the center of the sphere moves straight towards the query, so that
//   few flips are left (8 in 6-D, 45 in 20-D), and growing is the same scan as flipping.
// - The facet is chosen by the distance of the query (dual steepest edge), not by its weight.
// - Cospherical points, as on grids, are told apart as if each squared norm |x_i|^2 were raised by an
//   infinitesimal random multiple of its own (kernels::SphereSweep). All flips then stay within one
//   regular triangulation, on which the dual simplex method cannot cycle.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/interpolate/barycentric.hpp"
#include "precisekit/interpolate/hull_projection.hpp"
#include "precisekit/interpolate/morton_order.hpp"
#include "precisekit/interpolate/point_cloud.hpp"

namespace precisekit {

// A Delaunay simplex that is walked towards queries.
class DelaunayWalk {
 public:
  enum class End { inside, outside, lost };

  // Keeps a reference: the cloud must outlive it.
  explicit DelaunayWalk(const PointCloud& cloud)
      : cloud_(cloud),
        d_(cloud.dimension()),
        tolerance_(kRelativeTolerance * cloud.extent()),
        at_(d_ + 1),
        corners_(d_, d_ + 1),
        gradients_(d_, d_ + 1),
        edges_(d_, d_),
        lifts_(d_ + 1),
        weights_(d_ + 1),
        heights_(d_ + 1),
        squares_(d_ + 1),
        twice_center_(d_),
        direction_(d_),
        lift_slope_(d_) {}

  // Starts from a new simplex near q. False when all points lie on a hyperplane.
  bool grow(const Eigen::Ref<const Vector>& q) {
    Matrix basis(d_, d_);  // orthonormal, of the space that the corners span
    take(0, cloud_.nearest(q.data()));
    const auto corner = corners_.col(0);
    twice_center_.setZero();
    lift_slope_.setZero();
    for (Index n = 1; n <= d_; ++n) {
      const auto spanned = basis.leftCols(n - 1);
      direction_ = q - corner - 0.5 * twice_center_;
      const double way = direction_.norm();
      remove_components(spanned, direction_);
      if (!(direction_.norm() > kParallel * way)) {
        Index axis;
        spanned.rowwise().squaredNorm().minCoeff(&axis);
        direction_ = Vector::Unit(d_, axis);
        remove_components(spanned, direction_);
      }
      direction_.normalize();
      kernels::SphereSweep met = sweep(0, n, tolerance_, q);
      if (met.at < 0) {
        direction_ = -direction_;
        met = sweep(0, n, tolerance_, q);
      }
      if (met.at < 0) return false;
      twice_center_ += met.step * direction_;
      lift_slope_ += met.rate * direction_;
      take(n, met.at);
      direction_ = corners_.col(n) - corner;
      remove_components(spanned, direction_);
      basis.col(n - 1) = direction_.normalized();
    }
    invert();
    return true;
  }

  // Flips until the simplex holds q. `outside`: the facet that faces q is on the hull. `lost`: the
  // points are so nearly degenerate that rounding misled the walk.
  End walk(const Eigen::Ref<const Vector>& q) {
    const Index most_flips = 1000 * (d_ + 1) + cloud_.size();
    for (Index flip = 0; flip < most_flips; ++flip) {
      const Index leaving = facet_facing(q);
      if (leaving < 0) {
        if (age_ == 0) return weights_.allFinite() ? End::inside : End::lost;
        invert();
        continue;
      }
      const Index base = leaving == 0 ? 1 : 0;
      squares_ = (corners_.colwise() - corners_.col(base)).colwise().squaredNorm();
      twice_center_.noalias() = gradients_ * squares_;
      lift_slope_.noalias() = gradients_ * lifts_;
      direction_ = -gradients_.col(leaving);
      const kernels::SphereSweep met = sweep(base, d_ + 1, tolerance_ / heights_[leaving], q);
      if (met.at >= 0) {
        replace(leaving, met.at, base);
      } else if (age_ == 0) {
        beyond_ = -weights_[leaving] * heights_[leaving];
        return End::outside;
      } else {
        invert();
      }
    }
    return End::lost;
  }

  // The barycentric weights of q, after the corners have been put in the order of their rows, so that
  // they do not depend on the way that was walked. They are counted from the corner next to q: there
  // they are 1 and 0.
  const Vector& settle(const Eigen::Ref<const Vector>& q) {
    std::sort(at_.begin(), at_.end(),
              [&](Index i, Index j) { return cloud_.id(i) < cloud_.id(j); });
    for (Index j = 0; j <= d_; ++j) take(j, at_[j]);
    invert();
    Index base;
    (corners_.colwise() - q).colwise().squaredNorm().minCoeff(&base);
    direction_ = q - corners_.col(base);
    weights_.noalias() = gradients_.transpose() * direction_;
    direction_ -= (corners_.colwise() - corners_.col(base)) * weights_;
    weights_.noalias() += gradients_.transpose() * direction_;
    weights_[base] = 0.0;
    weights_[base] = 1.0 - weights_.sum();
    return weights_;
  }

  // The distance of the corner next to q.
  double nearest_corner(const Eigen::Ref<const Vector>& q) const {
    return std::sqrt((corners_.colwise() - q).colwise().squaredNorm().minCoeff());
  }

  // After `outside`: the distance of the query from the plane of the facet.
  double beyond() const { return beyond_; }
  // Invert the matrix of the simplex after every flip from now on.
  void take_care() { max_age_ = 1; }

  // Positions of the corners in the cloud.
  const std::vector<Index>& corners() const { return at_; }
  Vector center() const {
    return corners_.col(0) +
           0.5 * gradients_ *
               (corners_.colwise() - corners_.col(0)).colwise().squaredNorm().transpose();
  }
  double radius() const { return (center() - corners_.col(0)).norm(); }

 private:
  // Distances count as zero when they are below this many extents of the cloud: of a point from a
  // facet, and, a tenth of it, of a query.
  static constexpr double kRelativeTolerance = 1e-13;
  // The way to the query counts as within the space of the corners when less than this share of it
  // sticks out: any other direction does then.
  static constexpr double kParallel = 1e-8;
  // The gradients are updated at each flip, and computed anew after ten, or after one that multiplies
  // their errors by more than kGrowth.
  static constexpr double kGrowth = 100.0;

  void take(Index corner, Index at) {
    at_[corner] = at;
    cloud_.copy_point(at, corners_.col(corner));
    lifts_[corner] = cloud_.lift(at);
  }

  template <class Basis>
  static void remove_components(const Basis& basis, Vector& x) {
    for (int twice = 0; twice < 2; ++twice) x -= basis * (basis.transpose() * x);
  }

  // The first point on the spheres through the first n corners (all but one when n = d + 1).
  kernels::SphereSweep sweep(Index base, Index n, double min_alpha,
                             const Eigen::Ref<const Vector>& q) const {
    kernels::SphereSweep sweep{};
    sweep.base = corners_.data() + base * d_;
    sweep.twice_center = twice_center_.data();
    sweep.direction = direction_.data();
    sweep.lift_slope = lift_slope_.data();
    sweep.base_lift = lifts_[base];
    sweep.min_alpha = min_alpha;
    sweep.relative_slack = tolerance_;
    sweep.members = at_.data();
    sweep.n_members = n;
    cloud_.first_on_sphere(sweep, q.data());
    return sweep;
  }

  // The corner opposite to the facet that q lies farthest beyond, -1 when it lies beyond none.
  Index facet_facing(const Eigen::Ref<const Vector>& q) {
    direction_ = q - corners_.col(0);
    weights_.noalias() = gradients_.transpose() * direction_;
    weights_[0] += 1.0;
    heights_ = gradients_.colwise().norm().cwiseInverse();
    Index facing = -1;
    double distance = -0.1 * tolerance_;
    for (Index j = 0; j <= d_; ++j) {
      if (weights_[j] * heights_[j] < distance) {
        distance = weights_[j] * heights_[j];
        facing = j;
      }
    }
    return facing;
  }

  // Puts a point in the place of a corner, and updates the gradients of the weights.
  void replace(Index leaving, Index at, Index base) {
    take(leaving, at);
    direction_ = corners_.col(leaving) - corners_.col(base);
    weights_.noalias() = gradients_.transpose() * direction_;  // of the new point
    weights_[base] += 1.0;
    const double pivot = weights_[leaving];
    if (++age_ >= max_age_ || weights_.cwiseAbs().maxCoeff() > kGrowth * std::abs(pivot)) {
      invert();
      return;
    }
    direction_ = gradients_.col(leaving) / pivot;
    weights_[leaving] -= 1.0;
    gradients_.noalias() -= direction_ * weights_.transpose();
  }

  // Gradients of the weights (one a column, of sum zero) from the corners.
  void invert() {
    edges_ = corners_.rightCols(d_).colwise() - corners_.col(0);
    RowMatrix eliminated = edges_, inverse = RowMatrix::Identity(d_, d_);
    solve_small(Dimension<Eigen::Dynamic>(d_), eliminated.data(), inverse.data(), d_);
    gradients_.rightCols(d_) = inverse.transpose();
    gradients_.col(0) = -gradients_.rightCols(d_).rowwise().sum();
    age_ = 0;
  }

  const PointCloud& cloud_;
  Index d_;
  double tolerance_;
  double beyond_ = 0.0;
  int age_ = 0, max_age_ = 10;  // flips since the gradients were computed anew
  std::vector<Index> at_;
  Matrix corners_, gradients_, edges_;
  Vector lifts_, weights_, heights_, squares_;
  Vector twice_center_, direction_, lift_slope_;  // of the sweep
};

// Locates queries among points, each by a walk of its own; nothing is kept between them.
class SparseSimplex {
 public:
  // Asked for about every query, on the calling thread; true ends the work.
  using Poll = std::function<bool()>;

  // `points` (n x d), finite; repeated rows count once, as the first. Throws std::invalid_argument for
  // fewer than d + 1 distinct points, and when all lie on a hyperplane.
  explicit SparseSimplex(const RowMatrixRef& points)
      : scale_(power_of_two_near(points)), cloud_(points * scale_) {
    const Index d = cloud_.dimension();
    if (cloud_.size() < d + 1) {
      throw std::invalid_argument("points must hold at least " + std::to_string(d + 1) +
                                  " different points in " + std::to_string(d) +
                                  " dimensions, got " + std::to_string(cloud_.size()));
    }
    DelaunayWalk walk(cloud_);
    Vector first(d);
    cloud_.copy_point(0, first);
    if (!walk.grow(first)) {
      throw std::invalid_argument(
          "points all lie on a hyperplane (to rounding), where no simplex has a volume: drop the "
          "coordinates that depend on the others, or add small random numbers to the points");
    }
  }

  Index dimension() const { return cloud_.dimension(); }
  // Points without repetitions.
  Index size() const { return cloud_.size(); }

  // The Delaunay simplex around each row of xi (m x d), or, with `extrapolate`, around the nearest
  // point of the convex hull; `inside` is false there too. Queries that are points have weight 1 on
  // them. When `poll` ended the work the answers are incomplete.
  //
  // Throws std::invalid_argument when xi has a wrong number of columns, std::runtime_error when
  // rounding keeps a walk from its end.
  SimplexLocations locate(const RowMatrixRef& xi, bool extrapolate, const Poll& poll = {}) const {
    const Index m = xi.rows(), d = dimension();
    if (xi.cols() != d) {
      throw std::invalid_argument("xi must have " + std::to_string(d) + " columns, got " +
                                  std::to_string(xi.cols()));
    }
    SimplexLocations out(m, d);
    const KeyOrder order = morton_order(xi);
    const Index n_tasks = (m + kTaskQueries - 1) / kTaskQueries;
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<bool> stopped{false};
    parallel_for(n_tasks, [&](Index task) {
      Search search(cloud_);
      const Range range = task_range(m, n_tasks, task);
      for (Index i = range.first; i < range.last && !stopped; ++i) {
        if (poll && std::this_thread::get_id() == caller && poll()) stopped = true;
        const Index query = order.item(i);
        search.answer(scale_ * xi.row(query).transpose(), extrapolate, query, out);
      }
    });
    return out;
  }

 private:
  static constexpr Index kTaskQueries = 64;

  // Scaled by it, which rounds nothing, the points are near one, and squares have room.
  static double power_of_two_near(const RowMatrixRef& points) {
    const double largest = points.size() > 0 ? points.cwiseAbs().maxCoeff() : 0.0;
    return largest > 0.0 ? std::ldexp(1.0, std::clamp(-std::ilogb(largest), -1000, 1000)) : 1.0;
  }

  // Answers the queries of a task, each from where the one before ended when that is near.
  class Search {
   public:
    explicit Search(const PointCloud& cloud) : cloud_(cloud), walk_(cloud), hull_(cloud) {}

    void answer(Vector q, bool extrapolate, Index query, SimplexLocations& out) {
      if (!q.allFinite()) return;
      const double largest = q.cwiseAbs().maxCoeff();
      if (largest > kFar) q *= kFar / largest;  // the direction is all that counts there
      if (!((q - last_).norm() <= reach_)) start(q);
      reach_ = -1.0;
      if (walk_to(q)) {
        out.inside[query] = true;
        write(q, walk_.settle(q), query, out);
        return;
      }
      // So near to the hull, rounding may have turned the plane of the facet by as much.
      const bool doubtful = walk_.beyond() < kDoubtful * cloud_.extent();
      if (!extrapolate && !doubtful) return;
      hull_.project(q);
      const bool on_hull = doubtful && (q - hull_.point()).norm() <= kOnHull * cloud_.extent();
      if (!extrapolate && !on_hull) return;
      out.inside[query] = on_hull;
      const Vector projection = hull_.point();
      walk_to(projection);
      Vector weights = walk_.settle(projection);
      take_weights_on_face(weights);
      write(projection, weights, query, out);
    }

   private:
    static constexpr double kDoubtful = 1e-9, kOnHull = 1e-14;  // in extents of the cloud
    static constexpr double kZeroWeight = 1e-14, kFar = 1e100;

    void start(const Vector& q) {
      if (!walk_.grow(q)) throw degenerate();
    }

    bool walk_to(const Vector& q) {
      DelaunayWalk::End end = walk_.walk(q);
      if (end == DelaunayWalk::End::lost) {
        walk_.take_care();
        start(q);
        end = walk_.walk(q);
      }
      if (end == DelaunayWalk::End::lost) throw degenerate();
      return end == DelaunayWalk::End::inside;
    }

    static std::runtime_error degenerate() {
      return std::runtime_error(
          "the simplex around a query was not found: the points are degenerate to rounding; "
          "rescale "
          "them, or add small random numbers to them");
    }

    // The weights of a projection, which are not negative and good to the last digit in flat
    // simplices too. When not all corners of its face are corners of the simplex (the face holds
    // more points than it needs), those that are zero but for rounding are made so.
    void take_weights_on_face(Vector& weights) const {
      const std::vector<Index>&corners = walk_.corners(), &face = hull_.corners();
      Vector on_face = Vector::Zero(weights.size());
      bool shared = true;
      for (std::size_t j = 0; j < face.size(); ++j) {
        const auto found = std::find(corners.begin(), corners.end(), face[j]);
        if (found == corners.end()) shared = false;
        else on_face[found - corners.begin()] = hull_.weights()[Index(j)];
      }
      if (!shared) {
        on_face = (weights.array() > kZeroWeight).select(weights, 0.0);
        on_face /= on_face.sum();
      }
      weights = on_face;
    }

    void write(const Vector& q, Vector weights, Index query, SimplexLocations& out) {
      const std::vector<Index>& corners = walk_.corners();
      if (weights.minCoeff() < 0.0) {  // by rounding, on a facet
        hull_.project(q, corners);
        take_weights_on_face(weights);
      }
      auto rows = out.rows.row(query);
      for (std::size_t j = 0; j < corners.size(); ++j) rows[Index(j)] = cloud_.id(corners[j]);
      const Index same = cloud_.find(q.data());
      if (same >= 0) {
        Index most;
        weights.maxCoeff(&most);  // the point itself, or its twin but for rounding
        rows[most] = cloud_.id(same);
        weights = Vector::Unit(weights.size(), most);
      }
      out.weights.row(query) = weights.transpose();
      last_ = q;
      reach_ = walk_.nearest_corner(q);
    }

    const PointCloud& cloud_;
    DelaunayWalk walk_;
    HullProjection hull_;
    Vector last_ = Vector::Zero(cloud_.dimension());  // the query before
    double reach_ = -1.0;                             // how near the next must be to start there
  };

  double scale_;
  PointCloud cloud_;
};

}  // namespace precisekit
