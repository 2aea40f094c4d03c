// The point of a convex hull that is nearest to a query outside.
//
// Wolfe's algorithm (P. Wolfe, Finding the nearest point in a polytope, Math. Programming 11, 1976):
// an active set of affinely independent points, whose affine hull is met orthogonally by the line to
// the query; the point that lies deepest beyond the plane through them enters, those whose weights
// would turn negative leave. The distance falls with each change, so no set comes twice.
#pragma once

#include <cmath>
#include <vector>

#include "precisekit/interpolate/point_cloud.hpp"

namespace precisekit {

class HullProjection {
 public:
  // Keeps a reference: the cloud must outlive it.
  explicit HullProjection(const PointCloud& cloud) : cloud_(cloud), point_(cloud.dimension()) {}

  // Finds the projection of a finite q, to be read from what follows.
  void project(const Eigen::Ref<const Vector>& q) {
    at_.assign(1, cloud_.nearest(q.data()));
    weights_ = Vector::Ones(1);
    gather();
    set_point();
    Vector normal = point_ - q;
    const Index most_changes = 100 * (cloud_.dimension() + 1) + cloud_.size();
    for (Index change = 0; change < most_changes; ++change) {
      const double distance = normal.norm();
      const kernels::PointValue deepest = cloud_.lowest(corners_.col(0).data(), normal.data());
      if (!(deepest.value < -kTolerance * cloud_.extent() * distance)) break;
      if (Index(at_.size()) > cloud_.dimension()) break;  // q is inside of a simplex
      const std::vector<Index> at_before = at_;
      const Vector weights_before = weights_, point_before = point_, normal_before = normal;
      at_.push_back(deepest.at);
      weights_.conservativeResize(weights_.size() + 1);
      weights_[weights_.size() - 1] = 0.0;
      normal = shrink(q);
      set_point();
      // |normal|^2 has fallen; far from the hull, the norms themselves do not tell
      if (!((point_ - point_before).dot(normal + normal_before) < 0.0)) {  // by rounding only
        at_ = at_before;
        weights_ = weights_before;
        point_ = point_before;
        break;
      }
    }
  }

  // The same on the simplex with the given corners, for a q that is in it to within rounding.
  void project(const Eigen::Ref<const Vector>& q, const std::vector<Index>& corners) {
    at_ = corners;
    weights_ = Vector::Constant(Index(at_.size()), 1.0 / double(at_.size()));
    shrink(q);
    set_point();
  }

  const Vector& point() const { return point_; }
  // The corners of the least face found to hold it, as positions in the cloud, and their weights,
  // positive, of sum 1.
  const std::vector<Index>& corners() const { return at_; }
  const Vector& weights() const { return weights_; }

 private:
  // How far, in extents of the cloud, a point may lie beyond a face that is taken for one of the hull.
  static constexpr double kTolerance = 1e-15;

  void gather() {
    corners_.resize(cloud_.dimension(), Index(at_.size()));
    for (Index j = 0; j < corners_.cols(); ++j) cloud_.copy_point(at_[j], corners_.col(j));
  }

  void set_point() { point_ = corners_.col(0) + (corners_.colwise() - corners_.col(0)) * weights_; }

  // Drops corners until the projection of q onto the affine hull of the others lies between them;
  // moves there, and returns the way from q.
  Vector shrink(const Eigen::Ref<const Vector>& q) {
    while (true) {
      gather();
      const Index n = corners_.cols();
      const Vector to_q = q - corners_.col(0);
      if (n == 1) {
        weights_ = Vector::Ones(1);
        return -to_q;
      }
      Vector target(n);
      const Vector normal = target_weights(to_q, target);

      double step = 1.0;
      Index first = -1;
      for (Index j = 0; j < n; ++j) {
        if (target[j] > 0.0) continue;
        const double limit = weights_[j] > 0.0 ? weights_[j] / (weights_[j] - target[j]) : 0.0;
        if (first < 0 || limit < step) {
          step = limit;
          first = j;
        }
      }
      if (first < 0) {
        weights_ = target;
        return normal;
      }
      weights_ += step * (target - weights_);
      weights_[first] = 0.0;
      Index kept = 0;
      for (Index j = 0; j < n; ++j) {
        if (!(weights_[j] > 0.0)) continue;
        at_[kept] = at_[j];
        weights_[kept++] = weights_[j];
      }
      if (kept == 0) weights_[kept++] = 1.0;  // q is out of the range of the squares
      at_.resize(kept);
      weights_.conservativeResize(kept);
    }
  }

  // The weights of the projection onto the affine hull of the corners, by orthogonalising the edges
  // (Gram-Schmidt, twice); returns the way from q to it.
  Vector target_weights(const Vector& to_q, Vector& target) const {
    const Index n = corners_.cols() - 1;
    Matrix basis(to_q.size(), n), triangle = Matrix::Zero(n, n);
    Vector rest = to_q, components = Vector::Zero(n);
    for (Index j = 0; j < n; ++j) {
      Vector edge = corners_.col(j + 1) - corners_.col(0);
      for (int twice = 0; twice < 2; ++twice) {
        for (Index i = 0; i < j; ++i) {
          const double along = basis.col(i).dot(edge);
          triangle(i, j) += along;
          edge -= along * basis.col(i);
        }
      }
      triangle(j, j) = edge.norm();
      basis.col(j) = edge / triangle(j, j);
    }
    for (int twice = 0; twice < 2; ++twice) {
      for (Index j = 0; j < n; ++j) {
        const double along = basis.col(j).dot(rest);
        components[j] += along;
        rest -= along * basis.col(j);
      }
    }
    double sum = 0.0;
    for (Index j = n - 1; j >= 0; --j) {
      double w = components[j];
      for (Index i = j + 1; i < n; ++i) w -= triangle(j, i) * target[i + 1];
      target[j + 1] = w / triangle(j, j);
      sum += target[j + 1];
    }
    target[0] = 1.0 - sum;
    return -rest;
  }

  const PointCloud& cloud_;
  std::vector<Index> at_;
  Matrix corners_;  // one a column
  Vector weights_, point_;
};

}  // namespace precisekit
