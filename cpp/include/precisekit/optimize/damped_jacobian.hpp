// The linear problems of one iteration: min |J d + c|^2 + lambda |d|^2 for one Jacobian J, many
// dampings lambda and right-hand sides c.
//
// J = QR is taken once, [R; sqrt(lambda) I] once a damping; J'J is never formed, so that lambda can go
// down to the rounding of sigma_max^2. Where the singular values above sqrt(lambda) are few, J is
// replaced by (J W) W' (row_space.hpp): the same problem, with d in the space spanned by W. Directions
// left out would have shortened the residual by less than kNegligible^2 of what is theirs.
#pragma once

#include <memory>
#include <vector>

#include "precisekit/core/row_space.hpp"
#include "precisekit/core/tall_qr.hpp"
#include "precisekit/optimize/damped_triangle.hpp"

namespace precisekit {

class DampedJacobian {
 public:
  DampedJacobian(std::vector<Index> block_rows, Index cols)
      : block_rows_(std::move(block_rows)), cols_(cols), leading_(Vector::Ones(cols)) {
    if (cols >= kFewestColumns) {
      for (const Index rows : block_rows_) J_.emplace_back(rows, cols);
      row_space_ = std::make_unique<RowSpace>(block_rows_, cols, cols / kLowRank);
    }
  }

  // fill(block, rows) writes the rows of one block of J; `relative_damping` is the smallest lambda to
  // be asked for, over sigma_max^2.
  template <class Fill>
  void factor(Fill&& fill, double relative_damping) {
    if (row_space_ && !factor_in_row_space(fill, relative_damping)) {
      row_space_.reset();  // from now on the rank will not be low
      J_.clear();
    }
    if (!row_space_) {
      prepare(cols_);
      qr_->factor(fill);
    }
    triangle_->set_triangle(qr_->R());
    find_largest();
  }

  // The largest eigenvalue of J'J.
  double sigma_max_squared() const { return sigma_max_squared_; }
  // The columns of J W, or of J.
  Index rank() const { return rank_; }

  // What solve() needs of c.
  Vector project(const Vector& c) const { return qr_->project(c); }

  void set_damping(double lambda) { triangle_->set_damping(lambda); }

  // The minimiser d, from project(c).
  Vector solve(const Vector& projected) const { return expand(triangle_->solve(projected)); }

 private:
  static constexpr double kNegligible = 0.02;
  static constexpr Index kLowRank = 3;  // of so many columns one; else QR of J is cheaper
  static constexpr Index kFewestColumns = 100;

  // Of J W; false where W would have too many columns.
  template <class Fill>
  bool factor_in_row_space(Fill&& fill, double relative_damping) {
    parallel_for(Index(J_.size()), [&](Index i) { fill(i, J_[i]); });
    const double tolerance = kNegligible * std::sqrt(relative_damping);
    if (!row_space_->find(J_, std::max(tolerance, rounding()))) return false;
    const Matrix& W = row_space_->basis();
    prepare(W.cols());
    qr_->factor([&](Index i, Matrix& rows) {
      linalg::gemm(false, false, rows.rows(), rows.cols(), cols_, 1.0, J_[i].data(), J_[i].rows(),
                   W.data(), cols_, 0.0, rows.data(), rows.rows());
    });
    return true;
  }

  // Of the sums over rows in J' omega, relative to sigma_max.
  double rounding() const {
    Index rows = 0;
    for (const Index block : block_rows_) rows += block;
    return 1e-16 * std::sqrt(double(rows));
  }

  void prepare(Index rank) {
    if (rank == rank_) return;
    rank_ = rank;
    qr_ = std::make_unique<TallQr>(block_rows_, rank);
    triangle_ = std::make_unique<DampedTriangle>(Matrix::Zero(rank, rank));
  }

  Vector expand(Vector y) const {
    if (!row_space_) return y;
    Vector d(cols_);
    const Matrix& W = row_space_->basis();
    linalg::gemv(false, cols_, W.cols(), 1.0, W.data(), cols_, y.data(), 0.0, d.data());
    return d;
  }

  // A few steps of power iteration, from where the last ones ended.
  void find_largest() {
    const auto R = qr_->R().triangularView<Eigen::Upper>();
    Vector v = row_space_ ? Vector(row_space_->basis().transpose() * leading_) : leading_;
    if (!(v.norm() > 0.0)) v.setOnes();
    for (int i = 0; i < 4; ++i) {
      v.normalize();
      v = R.transpose() * Vector(R * v);
    }
    sigma_max_squared_ = v.norm();
    leading_ = expand(std::move(v));
  }

  std::vector<Index> block_rows_;
  Index cols_, rank_ = 0;
  std::vector<Matrix> J_;                     // while the rank is low
  std::unique_ptr<RowSpace> row_space_;       // likewise
  std::unique_ptr<TallQr> qr_;                // of J W, or of J
  std::unique_ptr<DampedTriangle> triangle_;  // its R
  Vector leading_;
  double sigma_max_squared_ = 0.0;
};

}  // namespace precisekit
