// BFGS (Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 6.1).
//
// An iteration costs one pass over the lower triangle of the inverse Hessian H. The update needs
// H y = H g_new - H g, and H g = -p is known; the next direction -H_new g_new then follows from
// H g_new in O(n). The update itself waits until that pass, and is done as it goes.
#pragma once

#include <string>

#include "precisekit/optimize/quasi_newton.hpp"

namespace precisekit {

class InverseHessian {
 public:
  // The identity, which the first step scales; `least_scale` is for update().
  explicit InverseHessian(Index n, double least_scale = 1.0)
      : H_(Matrix::Identity(n, n)), fresh_(true), least_scale_(least_scale) {}
  // Given by the user, and not scaled; the lower triangle is read. The identity is as good as none for
  // the length of the first step. Throws std::invalid_argument if not square.
  explicit InverseHessian(Matrix H) : H_(std::move(H)), fresh_(H_.isIdentity(0.0)), given_(true) {
    if (H_.rows() != H_.cols()) throw std::invalid_argument("hess_inv0 must be square");
  }

  bool is_fresh() const { return fresh_; }

  void reset() {
    H_.setIdentity();
    pending_ = given_ = false;
    fresh_ = true;
  }

  Vector direction(const Vector& g) {
    p_ = -product(g);
    return p_;
  }

  // H <- (I - rho s y') scale H (I - rho y s') + rho s s', rho = 1 / s'y. The first step may make the
  // identity larger, to the inverse curvature along it (6.20 there), but not smaller than the least
  // scale: steepest descent meets the largest curvature, and the flat directions of a network's loss
  // are not to pay for that. Steep ones are learnt in a few steps, flat ones never.
  Vector update(const Vector& s, const Vector& y, const Vector& g) {
    const Vector Hg = product(g), Hy = Hg + p_;  // as H g_old = -p
    p_ = -Hg;
    if (curvature_is_positive(s, y)) {
      const double sy = s.dot(y);
      scale_ = fresh_ && !given_ ? std::max(least_scale_, sy / y.squaredNorm()) : 1.0;
      s_ = s;
      u_ = (0.5 * (1.0 + scale_ * y.dot(Hy) / sy) / sy) * s - (scale_ / sy) * Hy;
      p_ = -scale_ * Hg - s_ * u_.dot(g) - u_ * s_.dot(g);
      pending_ = true;
      fresh_ = false;
    }
    return p_;
  }

  // H g.
  Vector product(const Vector& g) {
    const Index n = H_.rows();
    Vector out = Vector::Zero(n);
    for (Index j = 0; j < n; ++j) {
      apply_update(j);
      const auto column = H_.col(j).tail(n - j - 1);
      out[j] += H_(j, j) * g[j] + column.dot(g.tail(n - j - 1));
      out.tail(n - j - 1) += g[j] * column;
    }
    pending_ = false;
    return out;
  }

  // All of it.
  Matrix matrix() && {
    if (pending_) {
      for (Index j = 0; j < H_.rows(); ++j) apply_update(j);
    }
    H_.triangularView<Eigen::StrictlyUpper>() = H_.transpose();
    return std::move(H_);
  }

 private:
  // H <- scale H + s u' + u s', a column of the lower triangle at a time.
  void apply_update(Index j) {
    if (!pending_) return;
    const Index rows = H_.rows() - j;
    auto column = H_.col(j).tail(rows);
    column = scale_ * column + s_[j] * u_.tail(rows) + u_[j] * s_.tail(rows);
  }

  Matrix H_;
  bool fresh_, given_ = false, pending_ = false;
  double least_scale_ = 1.0, scale_ = 1.0;
  Vector s_, u_;
  Vector p_;  // the last direction
};

template <class Objective>
using Bfgs = QuasiNewton<Objective, InverseHessian>;

}  // namespace precisekit
