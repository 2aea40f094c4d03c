// The linear problems of one iteration: min |J d + c|^2 + lambda |d|^2 for one Jacobian J, many
// dampings lambda and right-hand sides c. J is factored in the cheapest way that the damping bears:
//
// - where the singular values above sqrt(lambda) are few, QR of J W in (J W) W' ~ J (row_space.hpp):
//   the same problem, with d in the space spanned by W. Directions left out would have shortened the
//   residual by less than kNegligible^2 of what is theirs;
// - where lambda is far above the rounding of sigma_max^2, the normal equations;
// - else QR of J. [R; sqrt(lambda) I] is factored once a damping, so that lambda can go down to the
//   rounding of sigma_max^2.
#pragma once

#include <memory>
#include <vector>

#include "precisekit/core/row_space.hpp"
#include "precisekit/core/tall_qr.hpp"
#include "precisekit/optimize/damped_triangle.hpp"
#include "precisekit/optimize/normal_equations.hpp"

namespace precisekit {

class DampedJacobian {
 public:
  DampedJacobian(std::vector<Index> block_rows, Index cols)
      : block_rows_(std::move(block_rows)), cols_(cols), leading_(Vector::Ones(cols)) {
    if (cols < kFewestColumns) return;
    for (const Index rows : block_rows_) J_.emplace_back(rows, cols);
    row_space_ = std::make_unique<RowSpace>(block_rows_, cols, cols / kLowRank);
    normal_ = std::make_unique<NormalEquations>(J_);
  }

  DampedJacobian(const DampedJacobian&) = delete;
  DampedJacobian& operator=(const DampedJacobian&) = delete;

  // fill(block, rows) writes the rows of one block of J; `relative_damping` is the smallest lambda to
  // be asked for, over sigma_max^2.
  template <class Fill>
  void factor(Fill&& fill, double relative_damping) {
    const bool mild = normal_ && relative_damping >= kMildDamping;
    if (row_space_ || mild) parallel_for(Index(J_.size()), [&](Index i) { fill(i, J_[i]); });
    // once the rank is not low, it will not be
    if (row_space_ && !find_row_space(relative_damping)) row_space_.reset();
    way_ = row_space_ ? Way::row_space : mild ? Way::normal_equations : Way::qr;
    if (way_ == Way::normal_equations) normal_->form();
    else factor_by_qr(fill);
    find_largest();
  }

  // The largest eigenvalue of J'J.
  double sigma_max_squared() const { return sigma_max_squared_; }
  // The columns of J W, or of J.
  Index rank() const { return way_ == Way::row_space ? row_space_->basis().cols() : cols_; }

  // What solve() needs of c.
  Vector project(const Vector& c) const {
    return way_ == Way::normal_equations ? normal_->project(c) : qr_->project(c);
  }

  void set_damping(double lambda) {
    if (way_ == Way::normal_equations) normal_->set_damping(lambda);
    else triangle_->set_damping(lambda);
  }

  // The minimiser d, from project(c).
  Vector solve(const Vector& projected) const {
    if (way_ == Way::normal_equations) return normal_->solve(projected);
    return expand(triangle_->solve(projected));
  }

  // QR of J alone from the next factor() on, where W leaves out what the damping does not; else false.
  bool sharpen(double relative_damping) {
    if (!row_space_ || tolerance(relative_damping) >= rounding()) return false;
    row_space_.reset();
    return true;
  }

 private:
  enum class Way { row_space, normal_equations, qr };
  static constexpr double kNegligible = 0.02;
  static constexpr double kMildDamping = 1e-11;
  static constexpr Index kLowRank = 3;  // of so many columns one; else QR of J is cheaper
  static constexpr Index kFewestColumns = 100;

  // False where W would have too many columns.
  bool find_row_space(double relative_damping) {
    return row_space_->find(J_, std::max(tolerance(relative_damping), rounding()));
  }

  // Of singular values that may be left out, relative to sigma_max.
  static double tolerance(double relative_damping) {
    return kNegligible * std::sqrt(relative_damping);
  }

  // Of J W or of J.
  template <class Fill>
  void factor_by_qr(Fill&& fill) {
    if (!qr_ || triangle_->R().cols() != rank()) {
      qr_ = std::make_unique<TallQr>(block_rows_, rank());
      triangle_ = std::make_unique<DampedTriangle>(Matrix::Zero(rank(), rank()));
    }
    if (way_ == Way::qr) {
      qr_->factor(fill);
    } else {
      const Matrix& W = row_space_->basis();
      qr_->factor([&](Index i, Matrix& rows) {
        linalg::gemm(false, false, rows.rows(), rows.cols(), cols_, 1.0, J_[i].data(), J_[i].rows(),
                     W.data(), cols_, 0.0, rows.data(), rows.rows());
      });
    }
    triangle_->set_triangle(qr_->R());
  }

  // Of the sums over rows in J' omega, relative to sigma_max.
  double rounding() const {
    Index rows = 0;
    for (const Index block : block_rows_) rows += block;
    return 1e-16 * std::sqrt(double(rows));
  }

  Vector expand(Vector y) const {
    if (way_ != Way::row_space) return y;
    Vector d(cols_);
    const Matrix& W = row_space_->basis();
    linalg::gemv(false, cols_, W.cols(), 1.0, W.data(), cols_, y.data(), 0.0, d.data());
    return d;
  }

  // J'J v, in the space of W where there is one.
  Vector multiply(const Vector& v) const {
    if (way_ == Way::normal_equations) return normal_->multiply(v);
    const auto R = qr_->R().triangularView<Eigen::Upper>();
    return R.transpose() * Vector(R * v);
  }

  // A few steps of power iteration, from where the last ones ended.
  void find_largest() {
    Vector v =
        way_ == Way::row_space ? Vector(row_space_->basis().transpose() * leading_) : leading_;
    if (!(v.norm() > 0.0)) v.setOnes();
    for (int i = 0; i < 4; ++i) {
      v.normalize();
      v = multiply(v);
    }
    sigma_max_squared_ = v.norm();
    leading_ = expand(std::move(v));
  }

  std::vector<Index> block_rows_;
  Index cols_;
  Way way_ = Way::qr;
  std::vector<Matrix> J_;                     // but for Way::qr
  std::unique_ptr<RowSpace> row_space_;       // while the rank is low
  std::unique_ptr<NormalEquations> normal_;   // where there are columns enough
  std::unique_ptr<TallQr> qr_;                // of J W, or of J
  std::unique_ptr<DampedTriangle> triangle_;  // its R
  Vector leading_;
  double sigma_max_squared_ = 0.0;
};

}  // namespace precisekit
