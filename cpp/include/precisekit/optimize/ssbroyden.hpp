// Self-scaled Broyden (Al-Baali and Khalfan, Optim. Methods Softw. 20, 679, 2005; Urban, Stefanou
// and Pons, J. Comput. Phys. 523, 113656, 2025): scale tau and member phi of Broyden's family are
// chosen anew at each step,
//
//   H <- (H - H y y'H / y'Hy + phi v v') / tau + s s' / y's,
//   v = sqrt(y'Hy) (s / y's - H y / y'Hy),
//
// from b = s'Bs / y's and h = y'Hy / y's. As in self-scaled BFGS (ssbfgs.hpp) H is kept as a product
// Z Z'. With t = Z^{-1} s and q = Z'y, the update changes the plane of t and q alone: in its basis
// e_1 = q / |q|, e_2 (the part of t across q, normed) it is
//
//   diag(0, d) / tau + t t' / y's = L L' / tau,   d = 1 + phi (b h - 1),
//   L = [sqrt(tau / h), 0; t_2 sqrt(tau / y's), sqrt(d)],   Z <- (Z + Z E (L - I) E') / sqrt(tau).
#pragma once

#include "precisekit/optimize/ssbfgs.hpp"

namespace precisekit {

class BroydenInverseHessian {
 public:
  explicit BroydenInverseHessian(Index n) : Z_(Matrix::Identity(n, n)), fresh_(true) {}
  // Given by the user; the lower triangle is read. Throws std::invalid_argument if it is not square
  // or not positive definite.
  explicit BroydenInverseHessian(const Matrix& H) : Z_(cholesky_factor(H)), fresh_(false) {}

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
    const Index n = s.size();
    const double sy = s.dot(y);
    const Vector t = (-s.dot(p_) / p_.squaredNorm()) * a_;  // as s = alpha p, p = -Z a
    const double sBs = t.squaredNorm();
    if (!curvature_is_positive(s, y) || !(sBs > 0.0)) return direction(g);

    Vector q(n), Hy = Vector::Zero(n);
    for (Index j = 0; j < n; ++j) {
      const auto z = Z_.col(j);
      const double a = size_ * z.dot(g);
      q[j] = a - a_[j];
      a_[j] = a;
      Hy += (size_ * q[j]) * z;
    }
    const double yHy = q.squaredNorm(), norm_q = std::sqrt(yHy);
    if (!(yHy > 0.0)) return direction(g);
    const Choice choice = fresh_ ? Choice{yHy / sy, 1.0} : choose(sBs / sy, yHy / sy, n);
    fresh_ = false;

    const Vector e1 = q / norm_q;
    const double t1 = sy / norm_q;
    Vector e2 = t - t1 * e1;
    const double t2 = e2.norm();
    Vector Ze1 = Hy / norm_q, Ze2 = s - t1 * Ze1;
    if (t2 > 0.0) {
      e2 /= t2;
      Ze2 /= t2;
    }
    const Vector row1 = (std::sqrt(choice.tau * sy / yHy) - 1.0) * e1;
    const Vector row2 = (t2 * std::sqrt(choice.tau / sy)) * e1 + (std::sqrt(choice.d) - 1.0) * e2;
    const double along1 = Ze1.dot(g), along2 = Ze2.dot(g), shrink = 1.0 / std::sqrt(choice.tau);
    Ze1 /= size_;
    Ze2 /= size_;
    size_ *= shrink;
    p_.setZero();
    for (Index j = 0; j < n; ++j) {
      auto z = Z_.col(j);
      z += row1[j] * Ze1 + row2[j] * Ze2;
      a_[j] = shrink * (a_[j] + row1[j] * along1 + row2[j] * along2);
      p_ -= (size_ * a_[j]) * z;
    }
    return p_;
  }

  Matrix matrix() const { return product_of_factors(Z_, size_); }

 private:
  struct Choice {
    double tau, d;
  };

  // Al-Baali and Khalfan's tau and theta, the member of the family in terms of B = H^{-1}.
  static Choice choose(double b, double h, Index n) {
    const double a = b * h - 1.0;
    if (!(a > 1e-8)) return {std::min(1.0, 1.0 / b), 1.0};  // all members are BFGS
    const double rho = std::min(1.0, h * (1.0 - std::sqrt(a / (1.0 + a))));
    const double theta = std::max((rho - 1.0) / a, std::min(1.0 / rho, (1.0 - b) / b));
    const double sigma = 1.0 + theta * a, power = std::pow(sigma, -1.0 / double(n - 1));
    const double tau =
        theta > 0.0 ? rho * std::min(power, 1.0 / theta) : std::min(rho * power, sigma);
    return {tau, (1.0 + a) / sigma};
  }

  Matrix Z_;
  double size_ = 1.0;  // multiplies Z
  bool fresh_;
  Vector a_;  // Z'g
  Vector p_;  // the last direction, -Z a
};

template <class Objective>
using SelfScaledBroyden = QuasiNewton<Objective, BroydenInverseHessian>;

}  // namespace precisekit
