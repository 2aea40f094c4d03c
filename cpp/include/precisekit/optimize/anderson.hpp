// Anderson acceleration of a fixed-point iteration x <- x + p(x) (Anderson 1965; Walker and Ni, SIAM
// J. Numer. Anal. 49, 1715, 2011): the combination of the last iterates whose steps cancel best.
#pragma once

#include <Eigen/QR>
#include <deque>

#include "precisekit/core/types.hpp"

namespace precisekit {

class AndersonMemory {
 public:
  explicit AndersonMemory(Index depth) : depth_(depth) {}

  void clear() { iterates_.clear(); }

  void push(const Vector& x, const Vector& p) {
    iterates_.push_back({x, p});
    if (Index(iterates_.size()) > depth_ + 1) iterates_.pop_front();
  }

  // The step from the last x; lengths are measured after multiplication with `scale`.
  Vector step(const Vector& scale) const {
    const Iterate& last = iterates_.back();
    const Index columns = Index(iterates_.size()) - 1, n = last.x.size();
    if (columns == 0) return last.p;
    Matrix dx(n, columns), dp(n, columns);
    for (Index i = 0; i < columns; ++i) {
      dx.col(i) = scale.cwiseProduct(iterates_[i + 1].x - iterates_[i].x);
      dp.col(i) = scale.cwiseProduct(iterates_[i + 1].p - iterates_[i].p);
    }
    Eigen::ColPivHouseholderQR<Matrix> qr(dp);
    qr.setThreshold(kDependent);
    const Vector p = scale.cwiseProduct(last.p);
    const Vector mixed = p - (dx + dp) * qr.solve(p);
    return mixed.norm() <= kLongest * p.norm() ? Vector(mixed.cwiseQuotient(scale)) : last.p;
  }

 private:
  static constexpr double kDependent =
      1e-10;  // columns below it, relative to the largest, are not used
  static constexpr double kLongest = 10.0;  // times p: beyond, the combination is not trusted

  struct Iterate {
    Vector x, p;
  };
  Index depth_;
  std::deque<Iterate> iterates_;
};

}  // namespace precisekit
