// L-BFGS: the inverse Hessian as the last few steps and changes of the gradient (Nocedal and Wright,
// Numerical Optimization, 2nd edition, algorithm 7.4). For networks whose P x P matrices do not fit.
#pragma once

#include "precisekit/optimize/quasi_newton.hpp"

namespace precisekit {

class LimitedMemoryInverseHessian {
 public:
  // Throws std::invalid_argument when `memory`, the number of steps kept, is below 1.
  LimitedMemoryInverseHessian(Index n, Index memory) : memory_(memory) {
    if (memory < 1) throw std::invalid_argument("m must be at least 1");
    S_.resize(n, memory);
    Y_.resize(n, memory);
    sy_.resize(memory);
  }

  bool is_fresh() const { return learnt_ == 0; }
  void reset() { learnt_ = 0; }

  // The two loops: back through the steps, H_0 = (s'y / y'y) I of the last one, and forth.
  Vector direction(const Vector& g) const {
    Vector q = -g, weight(memory_);
    if (is_fresh()) return q;
    for (Index k = learnt_ - 1; k >= oldest(); --k) {
      const Index i = k % memory_;
      weight[i] = S_.col(i).dot(q) / sy_[i];
      q -= weight[i] * Y_.col(i);
    }
    const Index last = (learnt_ - 1) % memory_;
    q *= sy_[last] / Y_.col(last).squaredNorm();
    for (Index k = oldest(); k < learnt_; ++k) {
      const Index i = k % memory_;
      q += (weight[i] - Y_.col(i).dot(q) / sy_[i]) * S_.col(i);
    }
    return q;
  }

  Vector update(const Vector& s, const Vector& y, const Vector& g) {
    if (curvature_is_positive(s, y)) {
      const Index i = learnt_++ % memory_;
      S_.col(i) = s;
      Y_.col(i) = y;
      sy_[i] = s.dot(y);
    }
    return direction(g);
  }

  // The steps and changes that make it up, one a column, the oldest first.
  Matrix steps() const { return in_order(S_); }
  Matrix changes() const { return in_order(Y_); }

 private:
  Index oldest() const { return std::max<Index>(0, learnt_ - memory_); }

  Matrix in_order(const Matrix& columns) const {
    Matrix out(columns.rows(), learnt_ - oldest());
    for (Index k = oldest(); k < learnt_; ++k) out.col(k - oldest()) = columns.col(k % memory_);
    return out;
  }

  Index memory_, learnt_ = 0;  // steps kept, steps seen
  Matrix S_, Y_;               // step k in column k modulo the memory
  Vector sy_;
};

template <class Objective>
using Lbfgs = QuasiNewton<Objective, LimitedMemoryInverseHessian>;

}  // namespace precisekit
