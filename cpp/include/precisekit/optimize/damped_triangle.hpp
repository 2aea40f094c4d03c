// The damped linear problems of a trust region: one triangle, many dampings and right-hand sides.
#pragma once

#include <cmath>
#include <limits>

#include "precisekit/core/stacked_qr.hpp"

namespace precisekit {

// min |R z + q|^2 + lambda |z|^2 for one upper triangle R and many q and lambda.
class DampedTriangle {
 public:
  explicit DampedTriangle(Matrix R)
      : R_(std::move(R)), damped_R_(R_), qr_(R_.cols(), R_.cols(), StackedQr::Shape::triangle) {}

  // Another triangle of the same size, in the same memory.
  void set_triangle(const Matrix& R) { R_ = R; }

  // As good as none: the rounding of R itself, so that a singular R does no harm.
  double least_damping() const {
    const double largest = std::max(R_.diagonal().cwiseAbs().maxCoeff(),
                                    std::sqrt(std::numeric_limits<double>::min()));
    return 1e-32 * largest * largest;
  }

  void set_damping(double lambda) {
    damped_R_ = R_;
    qr_.rows().setZero();
    qr_.rows().diagonal().setConstant(std::sqrt(lambda));
    qr_.fold(damped_R_);
  }

  Vector solve(const Vector& q) const {
    Vector top = q, bottom = Vector::Zero(q.size());
    qr_.apply_transposed(top, bottom);
    damped_R_.triangularView<Eigen::Upper>().solveInPlace(top);
    return -top;
  }

  // The damping for which |z| is within a tenth of the radius (More 1978, section 5), starting from a
  // guess; z itself is returned, and the damping stays set.
  Vector solve_within(double radius, const Vector& q, double& lambda) {
    const double least = least_damping();
    set_damping(least);
    Vector z = solve(q);
    double norm = z.stableNorm(), slope = inverse_slope(z, norm);
    if (norm <= (1.0 + kSlack) * radius) {
      lambda = least;
      return z;
    }
    double lower = std::isfinite(norm) ? (norm - radius) / radius * slope : 0.0;
    if (!std::isfinite(lower)) lower = 0.0;
    double upper = (R_.triangularView<Eigen::Upper>().transpose() * q).stableNorm() / radius;
    lambda = std::clamp(lambda, lower, std::max(lower, upper));
    if (lambda <= least) lambda = 1e-3 * upper;
    for (int i = 0; i < 30; ++i) {
      set_damping(lambda);
      z = solve(q);
      norm = z.stableNorm();
      if (std::abs(norm - radius) <= kSlack * radius) break;
      if (norm > radius) lower = std::max(lower, lambda);
      else upper = std::min(upper, lambda);
      double next = lambda + (norm - radius) / radius * inverse_slope(z, norm);
      if (!(lower < next && next < upper)) {
        next = std::max(lower > 0.0 ? std::sqrt(lower * upper) : 1e-3 * upper, lower);
      }
      lambda = next;
    }
    return z;
  }

  const Matrix& R() const { return R_; }

 private:
  static constexpr double kSlack = 0.1;

  // Newton's method on 1/|z(lambda)| - 1/radius: -|z| / (d|z|/dlambda).
  double inverse_slope(const Vector& z, double norm) const {
    Vector w = z / norm;
    damped_R_.triangularView<Eigen::Upper>().transpose().solveInPlace(w);
    return 1.0 / w.squaredNorm();
  }

  Matrix R_, damped_R_;
  StackedQr qr_;
};

}  // namespace precisekit
