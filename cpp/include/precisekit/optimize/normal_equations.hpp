// min |J d + c|^2 + lambda |d|^2 by (J'J + lambda I) d = -J'c: less than half the arithmetic of QR.
//
// Rounding changes J'J by about 1e-16 of its norm, which does no harm while lambda is far above that.
#pragma once

#include <limits>
#include <vector>

#include "precisekit/core/linalg.hpp"
#include "precisekit/core/parallel.hpp"

namespace precisekit {

class NormalEquations {
 public:
  // The blocks of rows of J must stay where they are while this is in use.
  explicit NormalEquations(const std::vector<Matrix>& J) : J_(J) {
    for (const Matrix& block : J) {
      first_row_.push_back(rows_);
      rows_ += block.rows();
    }
  }

  // J'J, after J has changed.
  void form() {
    const Index n = J_[0].cols();
    std::vector<Matrix> parts(J_.size());
    parallel_for(Index(J_.size()), [&](Index i) {
      parts[i].setZero(n, n);
      linalg::gram_upper(n, J_[i].rows(), J_[i].data(), J_[i].rows(), parts[i].data(), n);
    });
    gram_ = std::move(parts[0]);
    for (std::size_t i = 1; i < parts.size(); ++i) gram_ += parts[i];
  }

  // Where lambda is not above the rounding of J'J, or J is not finite, solve() returns NaN.
  void set_damping(double lambda) {
    damped_ = gram_;
    damped_.diagonal().array() += lambda;
    if (!linalg::cholesky_upper(damped_)) damped_.fill(std::numeric_limits<double>::quiet_NaN());
  }

  // What solve() needs of c: J'c.
  Vector project(const Vector& c) const {
    std::vector<Vector> parts(J_.size());
    parallel_for(Index(J_.size()), [&](Index i) {
      parts[i].resize(J_[i].cols());
      linalg::gemv(true, J_[i].rows(), J_[i].cols(), 1.0, J_[i].data(), J_[i].rows(),
                   c.data() + first_row_[i], 0.0, parts[i].data());
    });
    for (std::size_t i = 1; i < parts.size(); ++i) parts[0] += parts[i];
    return std::move(parts[0]);
  }

  Vector solve(Vector q) const {
    const auto U = damped_.triangularView<Eigen::Upper>();
    U.transpose().solveInPlace(q);
    U.solveInPlace(q);
    return -q;
  }

  // J'J v.
  Vector multiply(const Vector& v) const { return gram_.selfadjointView<Eigen::Upper>() * v; }

 private:
  const std::vector<Matrix>& J_;
  std::vector<Index> first_row_;
  Index rows_ = 0;
  Matrix gram_, damped_;  // their upper triangles
};

}  // namespace precisekit
