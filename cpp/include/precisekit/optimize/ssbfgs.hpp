// Self-scaled BFGS: H is divided by min(1, y's / s'Bs) before each update (Oren and Luenberger,
// Management Science 20, 845, 1974; Al-Baali, Comput. Optim. Appl. 9, 191, 1998).
//
// Towards the end of a network's fit the eigenvalues of H span more than sixteen digits, and rounding
// the entries of H makes it indefinite. So it is kept as a product H = Z Z', whose condition is the
// square root (Brodlie, Gourlay and Greenstadt, J. Inst. Math. Appl. 11, 73, 1973; Powell, Math.
// Program. 38, 29, 1987): with a = Z'g at the old point and t = Z^{-1} s, a multiple of a,
//
//   Z <- Z - s w',   w = Z'y / s'y - t / sqrt(s'y s'Bs),   s'Bs = t't,
//
// is BFGS. Column j of Z needs nothing of the others, so update and -Z Z'g are one pass.
#pragma once

#include <Eigen/Cholesky>

#include "precisekit/optimize/quasi_newton.hpp"

namespace precisekit {

// Z with Z Z' = H; the lower triangle is read. Throws std::invalid_argument if H is not square or not
// positive definite.
inline Matrix cholesky_factor(const Matrix& H) {
  if (H.rows() != H.cols()) throw std::invalid_argument("hess_inv0 must be square");
  const Eigen::LLT<Matrix> cholesky(H);
  if (cholesky.info() != Eigen::Success) {
    throw std::invalid_argument("hess_inv0 must be positive definite");
  }
  return cholesky.matrixL();
}

// size^2 Z Z'.
inline Matrix product_of_factors(const Matrix& Z, double size) {
  Matrix H = Matrix::Zero(Z.rows(), Z.rows());
  H.selfadjointView<Eigen::Lower>().rankUpdate(Z, size * size);
  H.triangularView<Eigen::StrictlyUpper>() = H.transpose();
  return H;
}

class FactoredInverseHessian {
 public:
  explicit FactoredInverseHessian(Index n) : Z_(Matrix::Identity(n, n)), fresh_(true) {}
  // Given by the user; the lower triangle is read. Throws std::invalid_argument if it is not square
  // or not positive definite.
  explicit FactoredInverseHessian(const Matrix& H) : Z_(cholesky_factor(H)), fresh_(false) {}

  bool is_fresh() const { return fresh_; }

  void reset() {
    Z_.setIdentity();
    size_ = 1.0;
    fresh_ = true;
  }

  Vector direction(const Vector& g) {
    a_ = size_ * (Z_.transpose() * g);
    p_ = -size_ * (Z_ * a_);
    return p_;
  }

  Vector update(const Vector& s, const Vector& y, const Vector& g) {
    const double sy = s.dot(y);
    const double alpha = s.dot(p_) / p_.squaredNorm();  // s = alpha p, so that t = -alpha a
    const double sBs = alpha * alpha * a_.squaredNorm();
    if (!curvature_is_positive(s, y) || !(sBs > 0.0)) return direction(g);
    const double scale = fresh_ ? sy / y.squaredNorm() : 1.0 / std::min(1.0, sy / sBs);
    const double root = std::sqrt(scale);  // multiplies Z and a, divides t
    size_ *= root;
    fresh_ = false;
    const double along_t = alpha / root / std::sqrt(sy * sBs / scale), sg = s.dot(g);
    const Vector step = s / size_;
    p_.setZero();
    for (Index j = 0; j < Z_.cols(); ++j) {
      auto z = Z_.col(j);
      const double new_a = size_ * z.dot(g);
      const double w = (new_a - root * a_[j]) / sy + along_t * a_[j];
      z -= w * step;
      a_[j] = new_a - w * sg;
      p_ -= (size_ * a_[j]) * z;
    }
    return p_;
  }

  Matrix matrix() const { return product_of_factors(Z_, size_); }

 private:
  Matrix Z_;
  double size_ = 1.0;  // multiplies Z
  bool fresh_;
  Vector a_;  // Z'g
  Vector p_;  // the last direction, -Z a
};

template <class Objective>
using SelfScaledBfgs = QuasiNewton<Objective, FactoredInverseHessian>;

}  // namespace precisekit
