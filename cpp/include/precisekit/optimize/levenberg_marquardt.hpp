// Levenberg-Marquardt for any residual function r(x) of n parameters: minimises |r|^2 / 2.
//
// 1. The trust region of More (Numerical Analysis, Springer LNM 630, 105, 1978), as in MINPACK's
//    lmder: |D p| <= radius with D from the columns of J = dr/dx, and a damping lambda that Newton's
//    method finds. J = QR once an iteration, [R; sqrt(lambda) I] once a damping; J'J is never formed.
// 2. A trial that disappoints is corrected to second order: r(x + p) - r - J p is the curvature along
//    p, and the step that answers it, from the same factors, is the geodesic acceleration of Transtrum,
//    Machta and Sethna (Phys. Rev. E 83, 036701, 2011) with a difference of length one, so that it
//    costs a single evaluation. Where it does not help it is tried ever more seldom.
// 3. Near a minimum the cost is flat: x has half of its digits when differences of the cost are all
//    rounding. There Gauss-Newton steps are judged by their own length. As they converge but linearly
//    where r is not small, they are accelerated (anderson.hpp); differences in place of J are made
//    sharper. Only when steps do not get shorter any more does the run end.
#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "precisekit/core/tall_qr.hpp"
#include "precisekit/optimize/anderson.hpp"
#include "precisekit/optimize/damped_triangle.hpp"

namespace precisekit {

struct LevenbergMarquardtOptions {
  // Relative tolerances as MINPACK's; 0 goes on to the last digit.
  double cost_tolerance = 0.0;      // of the actual and the predicted reduction of the cost
  double step_tolerance = 0.0;      // of the radius against |D x|
  double gradient_tolerance = 0.0;  // of the cosines between r and the columns of J
  Index max_evaluations = 10000;    // of r, those for differences included
  double time_limit = std::numeric_limits<double>::infinity();  // seconds
  Vector scale;              // of each x, 1 / D; empty: D is the largest norm of each column so far
  bool second_order = true;  // corrections of trials
};

enum class LevenbergMarquardtStop {
  gradient,  // within its tolerance, or r is zero
  cost,      // within its tolerance
  step,      // within its tolerance
  rounding,  // steps get no shorter, and the cost no lower, any more
  max_evaluations,
  time_limit,
  interrupted,          // by the observer, the poll, the residual or the Jacobian
  not_finite,           // r at the start
  jacobian_not_finite,  // at x
};

// The residual or the Jacobian may throw it: the run ends, and the best point so far is returned.
struct LevenbergMarquardtEnd {
  LevenbergMarquardtStop reason;
};

struct LevenbergMarquardtProgress {
  Index iteration;
  double seconds;
  double cost;  // |r|^2 / 2
  double damping;
  const Vector& x;
};

struct LevenbergMarquardtResult {
  Vector x, residual;  // the best
  Matrix jacobian;     // at x; of an earlier iterate, or empty, when the run was cut short
  LevenbergMarquardtStop reason = LevenbergMarquardtStop::rounding;
  Index iterations = 0, evaluations = 0, jacobians = 0;
};

struct LevenbergMarquardtHooks {
  std::function<bool(const LevenbergMarquardtProgress&)> observe;  // each iterate; true stops
  std::function<bool()> poll;  // before each evaluation; true stops
};

// Residual: void operator()(const Vector& x, Vector& r), r of any size m, but the same each time.
// Jacobian: void operator()(residual, const Vector& x, const Vector& r, Matrix& J) for J (m x n),
// which may call the residual it is given, and bool sharpen(): to be more exact from now on, false
// when it cannot (differences.hpp).
template <class Residual, class Jacobian>
class LevenbergMarquardt {
 public:
  // Throws std::invalid_argument for options that are out of range.
  LevenbergMarquardt(Residual& residual, Jacobian& jacobian, LevenbergMarquardtOptions options)
      : residual_(residual), jacobian_(jacobian), options_(std::move(options)) {
    if (!(options_.cost_tolerance >= 0.0)) throw std::invalid_argument("ftol must not be negative");
    if (!(options_.step_tolerance >= 0.0)) throw std::invalid_argument("xtol must not be negative");
    if (!(options_.gradient_tolerance >= 0.0)) {
      throw std::invalid_argument("gtol must not be negative");
    }
    if (!(options_.time_limit > 0.0)) throw std::invalid_argument("time_limit must be positive");
    if (options_.max_evaluations < 1) throw std::invalid_argument("max_nfev must be positive");
    if (!(options_.scale.array() > 0.0).all()) {
      throw std::invalid_argument("x_scale must be positive");
    }
  }

  // Throws std::invalid_argument when the scale, a residual or a Jacobian has a wrong size, and what
  // the residual, the Jacobian and the hooks throw, LevenbergMarquardtEnd excepted.
  LevenbergMarquardtResult minimize(const VectorRef& start, const LevenbergMarquardtHooks& hooks) {
    if (options_.scale.size() != 0 && options_.scale.size() != start.size()) {
      throw std::invalid_argument("x_scale must have " + std::to_string(start.size()) +
                                  " elements");
    }
    LevenbergMarquardtResult result;
    hooks_ = &hooks;
    result_ = &result;
    result.x = start;
    began_ = std::chrono::steady_clock::now();
    column_norms_.resize(0);
    linearized_at_.resize(0);
    damping_ = 0.0;
    correction_pause_ = correction_wait_ = restarts_ = 0;
    flattest_.x.resize(0);
    stop_.reset();
    forget();
    try {
      result.reason = iterate();
      const bool converged = stop_ || result.reason == Stop::gradient;
      if (converged && linearized_at_ != result.x) {
        linearize({result.x, result.residual, result.residual.norm()});
      }
    } catch (const LevenbergMarquardtEnd& end) {
      if (!stop_) result.reason = end.reason;
    }
    result.jacobian = std::move(J_);
    return result;
  }

 private:
  using Stop = LevenbergMarquardtStop;
  static constexpr double kRounding = std::numeric_limits<double>::epsilon();
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static constexpr double kAccept = 1e-4;              // of the predicted reduction
  static constexpr double kPoor = 0.25, kGood = 0.75;  // the region shrinks, grows
  static constexpr double kLongestCorrection = 0.75;   // relative to the step
  static constexpr int kLongestPause = 15;             // of corrections, in trials
  static constexpr double kSmall = 1e-6;    // predicted relative reduction in the last phase
  static constexpr double kSharpen = 1e-4;  // its step, relative to x, for sharper differences
  static constexpr double kShorter = 0.9;   // steps must get so much shorter in it
  static constexpr int kRestarts = 2;       // of it
  static constexpr Index kMemory = 5;
  static constexpr Index kSerialSize = 20000;  // of J, where one thread is enough

  struct Point {
    Vector x, r;
    double norm = kInfinity;  // of r
  };

  Stop iterate() {
    Point at = evaluate(result_->x);
    accept(at);
    if (!std::isfinite(at.norm)) return Stop::not_finite;
    for (Index& iteration = result_->iterations;; ++iteration) {
      if (!linearize(at)) return Stop::jacobian_not_finite;
      const double cost = 0.5 * at.norm * at.norm;
      if (hooks_->observe && hooks_->observe({iteration, seconds(), cost, damping_, at.x})) {
        return Stop::interrupted;
      }
      if (cosine_ <= options_.gradient_tolerance) return Stop::gradient;
      if (newton_step_is_small(at.x) && !sharpen()) stop_ = Stop::step;
      if (stop_) return *stop_;
      const bool moved = polish(at) || step_in_trust_region(at);
      if (!moved && !stop_ && !sharpen()) {
        if (flattest_.x.size() != 0) restore_flattest();
        stop_ = Stop::rounding;
      }
      if (stop_) return *stop_;
    }
  }

  // -- the trust region ----------------------------------------------------------------------------

  // False when no step lowers the cost.
  bool step_in_trust_region(Point& at) {
    for (int trials = 0; trials < 60; ++trials) {
      const Vector z = triangle_->solve_within(radius_, projected_, damping_);
      const double length = z.stableNorm();
      Point trial = evaluate(at.x + z.cwiseQuotient(scale_));
      const double linear =
          (triangle_->R().template triangularView<Eigen::Upper>() * z).stableNorm();
      const double along = std::pow(linear / at.norm, 2);
      const double damped = damping_ * std::pow(length / at.norm, 2);
      const double predicted = along + 2.0 * damped;
      double actual = relative_reduction(at, trial);
      if (actual < kGood * predicted) correct(at, z, trial, actual);
      const double ratio = predicted > 0.0 ? actual / predicted : 0.0;
      if (result_->iterations == 0 && trials == 0) radius_ = std::min(radius_, length);
      if (ratio <= kPoor) {
        // the minimiser of the parabola through both costs and the slope (More 1978, section 4)
        const double slope = -(along + damped);
        double shrink = actual >= 0.0 ? 0.5 : 0.5 * slope / (slope + 0.5 * actual);
        if (!(shrink >= 0.1) || 0.1 * trial.norm >= at.norm) shrink = 0.1;
        radius_ = shrink * std::min(radius_, 10.0 * length);
        damping_ /= shrink;
      } else if (damping_ <= triangle_->least_damping() || ratio >= kGood) {
        radius_ = 2.0 * length;
        damping_ *= 0.5;
      }
      if (ratio >= kAccept) {
        at = std::move(trial);
        accept(at);
        if (std::abs(actual) <= options_.cost_tolerance && predicted <= options_.cost_tolerance &&
            ratio <= 2.0) {
          stop_ = Stop::cost;
        }
        if (radius_ <= options_.step_tolerance * x_norm_) stop_ = Stop::step;
        return true;
      }
      if (radius_ <= options_.step_tolerance * x_norm_) stop_ = Stop::step;
      if (stop_ || predicted <= 4.0 * kRounding || radius_ <= kRounding * x_norm_) return false;
    }
    return false;
  }

  // Replaces the trial when the correction to second order gains more.
  void correct(const Point& at, const Vector& z, Point& trial, double& actual) {
    if (!options_.second_order || !std::isfinite(trial.norm)) return;
    if (correction_wait_ > 0) {
      --correction_wait_;
      return;
    }
    const Vector curvature = trial.r - at.r - J_ * z.cwiseQuotient(scale_);
    const Vector a = triangle_->solve(qr_->project(curvature));
    correction_pause_ = std::min(2 * correction_pause_ + 1, kLongestPause);
    correction_wait_ = correction_pause_;
    if (!(a.stableNorm() <= kLongestCorrection * z.stableNorm())) return;
    Point corrected = evaluate(at.x + (z + a).cwiseQuotient(scale_));
    const double gained = relative_reduction(at, corrected);
    if (!(gained > actual)) return;
    trial = std::move(corrected);
    actual = gained;
    correction_pause_ = correction_wait_ = 0;
  }

  // -- the last phase ------------------------------------------------------------------------------

  // A Gauss-Newton step that is judged by its length; false where that is not due, or no good.
  bool polish(Point& at) {
    if (newton_norm_ > radius_ || newton_reduction_ > kSmall) {
      forget();
      return false;
    }
    const bool near = newton_norm_ <= kSharpen * x_norm_ || newton_reduction_ < 1e-13;
    if (near && sharpen()) return true;
    const bool shorter = newton_norm_ < kShorter * shortest_;
    const Vector newton = newton_.cwiseQuotient(scale_);
    if (shorter || flattest_.x.size() == 0) {
      flattest_ = at;
      flattest_step_ = newton;
      flattest_jacobian_ = J_;
    }
    if (!shorter && newton_reduction_ <= noise_) {
      if (restarts_++ == kRestarts) {
        restore_flattest();
        stop_ = Stop::rounding;
        return true;
      }
      memory_.clear();
      memory_.push(flattest_.x, flattest_step_);
      at = evaluate(flattest_.x + flattest_step_);
      if (!std::isfinite(at.norm)) at = flattest_;
      accept(at);
      return true;
    }
    shortest_ = std::min(shortest_, newton_norm_);
    memory_.push(at.x, newton);
    Point trial = evaluate(at.x + memory_.step(scale_));
    if (!(relative_reduction(at, trial) >= -noise_)) {
      memory_.clear();
      return false;
    }
    at = std::move(trial);
    accept(at);
    radius_ = std::max(radius_, 2.0 * newton_norm_);
    if (newton_reduction_ <= options_.cost_tolerance) stop_ = Stop::cost;
    return true;
  }

  // More exact Jacobians from now on; false when there are none.
  bool sharpen() {
    if (!jacobian_.sharpen()) return false;
    forget();
    flattest_.x.resize(0);
    radius_ = std::max(radius_, 1e-3 * x_norm_);
    return true;
  }

  void forget() {
    memory_.clear();
    shortest_ = kInfinity;
  }

  void restore_flattest() {
    accept(flattest_);
    J_ = flattest_jacobian_;
    linearized_at_ = flattest_.x;
  }

  // Within the tolerance, or within the rounding of each variable.
  bool newton_step_is_small(const Vector& x) const {
    if (newton_norm_ <= options_.step_tolerance * x_norm_) return true;
    const auto step = newton_.cwiseQuotient(scale_).array().abs();
    return (step <= kRounding * x.array().abs()).all();
  }

  // -- both ----------------------------------------------------------------------------------------

  Point evaluate(Vector x) {
    Point point{std::move(x), {}, 0.0};
    counted_residual(point.x, point.r);
    point.norm = point.r.allFinite() ? point.r.stableNorm() : kInfinity;
    return point;
  }

  void counted_residual(const Vector& x, Vector& r) {
    if (hooks_->poll && hooks_->poll()) throw LevenbergMarquardtEnd{Stop::interrupted};
    if (seconds() > options_.time_limit) throw LevenbergMarquardtEnd{Stop::time_limit};
    if (result_->evaluations == options_.max_evaluations) {
      throw LevenbergMarquardtEnd{Stop::max_evaluations};
    }
    ++result_->evaluations;
    residual_(x, r);
    const Index m = result_->residual.size();
    if (m != 0 && r.size() != m) {
      throw std::invalid_argument("the residual must keep its size of " + std::to_string(m));
    }
  }

  void accept(const Point& at) {
    result_->x = at.x;
    result_->residual = at.r;
  }

  // J = QR, the Gauss-Newton step and what it promises; false when J is not finite.
  bool linearize(const Point& at) {
    const Index m = at.r.size(), n = at.x.size();
    ++result_->jacobians;
    jacobian_([&](const Vector& x, Vector& r) { counted_residual(x, r); }, at.x, at.r, J_);
    if (J_.rows() != m || J_.cols() != n) {
      throw std::invalid_argument("the Jacobian must have shape (" + std::to_string(m) + ", " +
                                  std::to_string(n) + ")");
    }
    if (!J_.allFinite()) return false;
    linearized_at_ = at.x;
    Vector norms(n);
    for (Index j = 0; j < n; ++j) norms[j] = J_.col(j).stableNorm();
    const bool first = column_norms_.size() == 0;
    if (first) column_norms_ = norms;
    column_norms_ = column_norms_.cwiseMax(norms);
    avoid_underflow(norms);
    if (options_.scale.size() != 0) scale_ = options_.scale.cwiseInverse();
    else scale_ = (column_norms_.array() > 0.0).select(column_norms_, 1.0);
    x_norm_ = scale_.cwiseProduct(at.x).stableNorm();
    if (first) radius_ = x_norm_ > 0.0 ? x_norm_ : at.norm;

    const linalg::SerialBlas serial;
    const Index blocks = m * n < kSerialSize ? 1 : TallQr::block_count(m, n);
    std::vector<Index> rows;
    for (Index i = 0; i < blocks; ++i) {
      const Range range = task_range(m, blocks, i);
      rows.push_back(range.last - range.first);
    }
    qr_ = std::make_unique<TallQr>(rows, n);
    qr_->factor([&](Index i, Matrix& block) {
      const Range range = task_range(m, blocks, i);
      block = J_.middleRows(range.first, block.rows()) * scale_.cwiseInverse().asDiagonal();
    });
    triangle_ = std::make_unique<DampedTriangle>(qr_->R());
    projected_ = qr_->project(at.r);
    const auto R = triangle_->R().template triangularView<Eigen::Upper>();
    const Vector gradient = R.transpose() * projected_;  // by D x: no squares of the units of r
    cosine_ = 0.0;
    for (Index j = 0; j < n; ++j) {
      if (norms[j] > 0.0 && at.norm > 0.0) {
        cosine_ = std::max(cosine_, std::abs(gradient[j] / at.norm) * (scale_[j] / norms[j]));
      }
    }
    triangle_->set_damping(triangle_->least_damping());
    newton_ = triangle_->solve(projected_);
    newton_norm_ = newton_.stableNorm();
    newton_reduction_ = at.norm > 0.0 ? std::pow((R * newton_).stableNorm() / at.norm, 2) : 0.0;
    // what the rounding of x alone makes of r, and that of r
    noise_ = 20.0 * kRounding * (1.0 + norms.cwiseProduct(at.x).stableNorm() / at.norm);
    return true;
  }

  // From a start where r was all but infinite the columns come down so far that J / D would vanish.
  // All of D may shrink by one factor: its relative sizes are what is worth remembering.
  void avoid_underflow(const Vector& norms) {
    const auto seen = column_norms_.array() > 0.0;
    const double largest = seen.select(norms.array() / column_norms_.array(), 0.0).maxCoeff();
    if (options_.scale.size() != 0 || !(largest > 0.0) || largest > 1e-20) return;
    column_norms_ *= largest;
    radius_ *= largest;
    damping_ /= largest * largest;
  }

  // (|r|^2 - |r_trial|^2) / |r|^2 without cancellation; -inf where a trial is not finite.
  static double relative_reduction(const Point& at, const Point& trial) {
    if (!std::isfinite(trial.norm)) return -kInfinity;
    const double value = ((at.r - trial.r) / at.norm).dot((at.r + trial.r) / at.norm);
    return std::isnan(value) ? -kInfinity : value;
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }

  Residual& residual_;
  Jacobian& jacobian_;
  LevenbergMarquardtOptions options_;
  const LevenbergMarquardtHooks* hooks_ = nullptr;
  LevenbergMarquardtResult* result_ = nullptr;
  std::chrono::steady_clock::time_point began_;
  std::optional<Stop> stop_;

  // the linearisation
  Matrix J_;
  Vector linearized_at_, column_norms_, scale_;  // D
  std::unique_ptr<TallQr> qr_;                   // of J / D
  std::unique_ptr<DampedTriangle> triangle_;
  Vector projected_;                                   // Q'r
  Vector newton_;                                      // D p of the Gauss-Newton step
  double newton_norm_ = 0.0, newton_reduction_ = 0.0;  // relative to |r|^2
  double x_norm_ = 0.0, cosine_ = 0.0, noise_ = 0.0;   // |D x|; noise of relative reductions

  double radius_ = 0.0, damping_ = 0.0;
  int correction_pause_ = 0, correction_wait_ = 0;  // in trials

  // the last phase
  AndersonMemory memory_{kMemory};
  double shortest_ = kInfinity;
  int restarts_ = 0;
  Point flattest_;  // where the step was shortest
  Vector flattest_step_;
  Matrix flattest_jacobian_;
};

}  // namespace precisekit
