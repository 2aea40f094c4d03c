// The Pade form of a curve d_1 t + d_2 t^2 + ... + d_K t^K through a vector space: one denominator
// q(t) = 1 + q_1 t + ... + q_m t^m for all components, which reaches past poles of the curve where its
// series does not converge any more.
//
// q d has vanishing coefficients beyond some order where d is rational; q is what comes nearest to it,
// by least squares over the last m + 2 orders, each weighted by its size (simultaneous Pade
// approximation: Baker and Graves-Morris, Pade Approximants, ch. 8).
#pragma once

#include <optional>
#include <vector>

#include "precisekit/core/types.hpp"

namespace precisekit {

class PadeForm {
 public:
  // At least degree + 2 terms, none of them zero.
  PadeForm(const std::vector<Vector>& d, int degree) : terms_(int(d.size())), q_(degree + 1) {
    // With the terms scaled to a like size, d_k / ratio^k, the problem is as well posed as it can be.
    const double ratio = std::pow(d.back().norm() / d.front().norm(), 1.0 / (terms_ - 1));
    Matrix scaled(d.front().size(), terms_);
    for (int k = 0; k < terms_; ++k) scaled.col(k) = d[k] / std::pow(ratio, k);
    const Matrix gram = scaled.transpose() * scaled;
    Matrix A = Matrix::Zero(degree, degree);
    Vector b = Vector::Zero(degree);
    for (int k = std::max(degree, terms_ - degree - 2); k < terms_; ++k) {
      for (int i = 1; i <= degree; ++i) {
        b[i - 1] -= gram(k, k - i) / gram(k, k);
        for (int j = 1; j <= degree; ++j) A(i - 1, j - 1) += gram(k - i, k - j) / gram(k, k);
      }
    }
    A.diagonal().array() += kRegularization * A.trace() / degree;
    q_[0] = 1.0;
    q_.tail(degree) = A.ldlt().solve(b);
    for (int i = 1; i <= degree; ++i) q_[i] *= std::pow(ratio, i);
  }

  // The curve at t is the sum of weights[k - 1] d_k; nothing where q has a zero before t, or nearly.
  std::optional<Vector> weights(double t) const {
    for (int i = 1; i <= kLooks; ++i) {
      if (!(denominator(t * i / kLooks) > kNearZero)) return std::nullopt;
    }
    Vector w(terms_);
    for (int k = 0; k < terms_; ++k) {
      w[k] = std::pow(t, k + 1) * polynomial(t, std::min(int(q_.size()), terms_ - k));
    }
    return w / denominator(t);
  }

 private:
  static constexpr double kRegularization = 1e-10;
  static constexpr double kNearZero = 1e-3;
  static constexpr int kLooks = 30;

  double denominator(double t) const { return polynomial(t, int(q_.size())); }
  double polynomial(double t, int count) const {
    double value = 0.0;
    for (int j = count; j-- > 0;) value = value * t + q_[j];
    return value;
  }

  int terms_;
  Vector q_;
};

}  // namespace precisekit
