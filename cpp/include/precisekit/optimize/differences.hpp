// Jacobians of residuals by differences: forward ones, central ones, and Ridders' extrapolation,
// which finds the step that suits the function and its noise.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "precisekit/core/types.hpp"

namespace precisekit {

enum class Differences {
  forward,    // one evaluation a column, half of the digits
  central,    // two a column, two thirds of the digits
  automatic,  // forward, until sharpen() turns to extrapolation
};

// Residual: void operator()(const Vector& x, Vector& r); r has the same size at each call.
class DifferenceJacobian {
 public:
  // A step is relative_step |x_j|, but no less than a hundredth of what it was for the largest x_j so
  // far, as x_j may all but vanish; for an x_j that starts as zero, of relative_step. `relative_step` 0 takes the square root of
  // the rounding unit for forward, the cube root for central differences.
  explicit DifferenceJacobian(Differences kind, double relative_step = 0.0)
      : kind_(kind), relative_step_(relative_step) {
    if (relative_step_ == 0.0) {
      relative_step_ = kind == Differences::central ? std::cbrt(kRounding) : std::sqrt(kRounding);
    }
  }

  // J (m x n) at x, where the residuals are r. A column is not finite where no step gives residuals
  // that are. Throws what the residual throws.
  template <class Residual>
  void operator()(Residual&& residual, const Vector& x, const Vector& r, Matrix& J) {
    J.resize(r.size(), x.size());
    moved_ = x;
    if (largest_.size() != x.size()) {
      largest_ = x.unaryExpr([](double v) { return v != 0.0 ? std::abs(v) : 1.0; });
    }
    largest_ = largest_.cwiseMax(x.cwiseAbs());
    for (Index j = 0; j < x.size(); ++j) {
      if (extrapolates_) J.col(j) = extrapolated(residual, x, j);
      else if (kind_ == Differences::central) {
        J.col(j) = central(residual, x, j, relative_step_ * size(x, j));
      } else J.col(j) = one_sided(residual, x, r, j);
      moved_[j] = x[j];
    }
  }

  // Turns to extrapolation; false when that is the case already, or is not wanted.
  bool sharpen() {
    if (kind_ != Differences::automatic || extrapolates_) return false;
    extrapolates_ = true;
    return true;
  }

  // Of the extrapolated columns: estimates of the error's norm.
  const Vector& errors() const { return errors_; }

 private:
  static constexpr double kRounding = std::numeric_limits<double>::epsilon();
  static constexpr double kFirstStep = 0.02;  // of an extrapolation, relative to |x_j|
  static constexpr double kSmooth = 0.02;     // a tableau starts where halving changes no more
  static constexpr int kHalvings = 16;

  double size(const Vector& x, Index j) const {
    return x[j] == 0.0 ? largest_[j] : std::max(std::abs(x[j]), 0.01 * largest_[j]);
  }

  template <class Residual>
  Vector one_sided(Residual& residual, const Vector& x, const Vector& r, Index j) {
    Vector column;
    const double step = relative_step_ * size(x, j);
    for (const double h : {step, -step}) {
      moved_[j] = x[j] + h;
      residual(moved_, upper_);
      column = (upper_ - r) / (moved_[j] - x[j]);
      if (column.allFinite()) break;
    }
    return column;
  }

  template <class Residual>
  Vector central(Residual& residual, const Vector& x, Index j, double h) {
    const double up = x[j] + h, down = x[j] - h;
    moved_[j] = up;
    residual(moved_, upper_);
    moved_[j] = down;
    residual(moved_, lower_);
    return (upper_ - lower_) / (up - down);
  }

  // Ridders, Adv. Eng. Software 4, 75 (1982): central differences at steps h, h/2, h/4, ... are
  // extrapolated to step zero by Neville's scheme, until rounding makes the estimated error rise.
  // The steps that were best are where the next call begins.
  template <class Residual>
  Vector extrapolated(Residual& residual, const Vector& x, Index j) {
    if (first_step_.size() != x.size()) {
      first_step_ = Vector::Zero(x.size());
      errors_ = Vector::Zero(x.size());
    }
    const double known_error = errors_[j];
    double h = first_step_[j] > 0.0 ? first_step_[j] : kFirstStep * size(x, j), best_step = h;
    double error = std::numeric_limits<double>::infinity();
    Vector best;
    std::vector<Vector> above, row;  // of the tableau
    for (int halving = 0; halving < kHalvings; ++halving) {
      row.assign(1, central(residual, x, j, h));
      if (!row[0].allFinite()) {
        if (best.size() == 0) best = row[0];
        above.clear();
        h /= 8.0;
        continue;
      }
      if (best.size() == 0 || !best.allFinite()) best = row[0];
      if (!above.empty() && (row[0] - above[0]).norm() > kSmooth * row[0].norm()) {
        best = row[0];  // the step is too long yet for a series in it
        above.swap(row);
        h /= 4.0;
        continue;
      }
      double weight = 1.0;
      for (std::size_t i = 0; i < above.size(); ++i) {
        weight *= 4.0;
        row.push_back((weight * row[i] - above[i]) / (weight - 1.0));
        const double e = std::max((row[i + 1] - row[i]).norm(), (row[i + 1] - above[i]).norm());
        if (e <= error) {
          error = e;
          best = row[i + 1];
          best_step = h;
        }
      }
      if (!above.empty()) {
        const bool rising = (row.back() - above.back()).norm() >= 2.0 * error;
        if (rising || error <= std::max(4.0 * kRounding * best.norm(), 1.5 * known_error)) break;
      }
      above.swap(row);
      h /= 2.0;
    }
    errors_[j] = error;
    first_step_[j] = 4.0 * best_step;
    return best;
  }

  Differences kind_;
  double relative_step_;
  bool extrapolates_ = false;
  Vector largest_, moved_, upper_, lower_, first_step_, errors_;
};

}  // namespace precisekit
