// The iteration that BFGS, self-scaled BFGS and L-BFGS share: along -H g by a line search, then an
// update of H, the estimate of the inverse Hessian, from the step s and the change y of the gradient.
//
// InverseHessian:
//   bool is_fresh() const           no step has been learnt since the start or a reset, and H = I
//   void reset()
//   Vector direction(const Vector& g)                                  -H g
//   Vector update(const Vector& s, const Vector& y, const Vector& g)   learns; then -H g
// Objective: double value_and_gradient(const Vector& x, Vector& gradient) const. A value or gradient
// that is not finite makes the line search step back.
#pragma once

#include "precisekit/optimize/descent.hpp"
#include "precisekit/optimize/line_search.hpp"

namespace precisekit {

struct QuasiNewtonOptions : DescentOptions {
  double gradient_tolerance = 1e-5;  // stop when a norm of the gradient is not above it
  double norm = std::numeric_limits<double>::infinity();  // which; -inf is the least entry
  double step_tolerance = 0.0;                            // relative to x
  WolfeConditions wolfe;

  void check() const {
    DescentOptions::check();
    if (!(0.0 < wolfe.c1 && wolfe.c1 < wolfe.c2 && wolfe.c2 < 1.0)) {
      throw std::invalid_argument("c1 and c2 must satisfy 0 < c1 < c2 < 1");
    }
    if (!(gradient_tolerance >= 0.0)) throw std::invalid_argument("gtol must not be negative");
    if (!(step_tolerance >= 0.0)) throw std::invalid_argument("xrtol must not be negative");
    if (std::isnan(norm)) throw std::invalid_argument("norm must be a number");
  }
};

// Whether s'y > 0 is more than rounding: only then H stays positive definite.
inline bool curvature_is_positive(const Vector& s, const Vector& y) {
  return s.dot(y) > std::numeric_limits<double>::epsilon() * s.norm() * y.norm();
}

template <class Objective, class InverseHessian>
class QuasiNewton {
 public:
  // Throws std::invalid_argument for options that are out of range.
  QuasiNewton(const Objective& objective, const QuasiNewtonOptions& options)
      : objective_(objective), options_(options) {
    options.check();
  }

  // Of points that differ by less than the noise, the flattest counts as the best. Throws what the
  // objective and the hooks throw, StopRequest excepted; H is left as it is then.
  DescentResult minimize(const VectorRef& start, InverseHessian& H, const DescentHooks& hooks) {
    const DescentMonitor monitor(options_, hooks);
    monitor_ = &monitor;
    noise_ = 0.0;
    finite_seen_ = true;
    DescentResult result;
    best_ = &result;
    result.x = start;
    result.gradient = Vector::Constant(start.size(), result.value);  // until it is evaluated
    try {
      Point at{start, 0.0, Vector::Zero(start.size())};
      count_evaluation();
      at.value = objective_.value_and_gradient(at.x, at.gradient);
      set_best(at);
      const bool finite = std::isfinite(at.value) && at.gradient.allFinite();
      result.reason = finite ? iterate(at, H) : DescentStop::not_finite;
    } catch (const StopRequest& request) {
      result.reason = request.reason;
    }
    return result;
  }

 private:
  static constexpr int kRestarts = 5;     // from steepest descent, without 1 % gained
  static constexpr int kStallSteps = 50;  // so many without a gain: rounding is reached

  struct Point {
    Vector x;
    double value;
    Vector gradient;
  };

  DescentStop iterate(Point& at, InverseHessian& H) {
    Vector p = H.direction(at.gradient);
    double previous_value = value_before(at, H);
    double lowest = at.value, value_at_restart = at.value;
    bool small_step = false;
    int restarts = 0, steps_without_gain = 0;
    Point next = at;
    for (Index& iteration = best_->iterations;; ++iteration) {
      if (monitor_->observe(iteration, at.value, at.x)) return DescentStop::interrupted;
      if (gradient_norm(at.gradient) <= options_.gradient_tolerance) {
        set_best(at);
        return DescentStop::gradient;
      }
      if (at.value <= options_.target) return DescentStop::target;
      if (small_step) return DescentStop::step;
      if (iteration >= options_.max_iterations) return DescentStop::max_iterations;

      LineSearchResult found{{}, Step::none};
      while (true) {
        const LinePoint origin{0.0, at.value, at.gradient.dot(p)};
        if (origin.slope < 0.0) found = search(at, p, origin, previous_value, lowest, next);
        if (found.step != Step::none) break;
        // A direction that leads nowhere may be the fault of H; steepest descent decides, unless
        // it has been tried again and again without a gain.
        if (value_at_restart - at.value > 0.01 * std::abs(value_at_restart)) restarts = 0;
        if (H.is_fresh() || restarts == kRestarts) {
          return finite_seen_ ? DescentStop::rounding : DescentStop::not_finite;
        }
        H.reset();
        p = H.direction(at.gradient);
        previous_value = value_before(at, H);
        value_at_restart = at.value;
        ++restarts;
      }

      const Vector s = next.x - at.x;
      p = H.update(s, next.gradient - at.gradient, next.gradient);
      const double xrtol = options_.step_tolerance;
      small_step = xrtol > 0.0 && s.norm() <= xrtol * (xrtol + at.x.norm());
      previous_value = at.value;
      std::swap(at, next);
      // Values that fall far more than the noise have left behind the point where it was measured.
      if (previous_value - at.value > 10.0 * noise_) noise_ = 0.0;
      lowest = std::min(lowest, at.value);
      steps_without_gain = keep(at) ? 0 : steps_without_gain + 1;
      if (steps_without_gain == kStallSteps || s.isZero(0.0)) {
        ++iteration;
        return DescentStop::rounding;
      }
    }
  }

  // The value "before" the first step, from which follows its length: one, unless H comes from the
  // user, who knows.
  static double value_before(const Point& at, const InverseHessian& H) {
    return H.is_fresh() ? at.value + 0.5 * at.gradient.norm()
                        : std::numeric_limits<double>::infinity();
  }

  // The strong Wolfe conditions first. Where rounding hides them, the noise is measured and the
  // slopes decide.
  LineSearchResult search(const Point& at, const Vector& p, const LinePoint& origin,
                          double previous_value, double lowest, Point& next) {
    const double resolution = std::max(noise_, rounding_of(at.value));
    // the step that would repeat the last decrease (Nocedal and Wright, 3.60)
    double first = 2.02 * (at.value - previous_value) / origin.slope;
    if (!(first < 1.0 && previous_value - at.value > resolution)) first = 1.0;
    finite_seen_ = false;
    const auto phi = [&](double alpha) { return evaluate(at, p, alpha, next); };
    // Above the lowest value, not this one: steps must not climb noise like stairs.
    const auto ceiling = [&] { return std::max(at.value, lowest + tolerance(lowest)); };
    LineSearchResult found =
        strong_wolfe_search(phi, origin, first, options_.wolfe, ceiling(), resolution);
    if (found.step == Step::none && finite_seen_) {
      best_->noise = noise_ = measured_noise(at, p, next);
      found = slope_search(phi, origin, 1.0, options_.wolfe, ceiling());
    }
    if (found.step == Step::decrease) phi(found.point.alpha);  // it need not be the last evaluated
    return found;
  }

  LinePoint evaluate(const Point& at, const Vector& p, double alpha, Point& next) {
    monitor_->poll();
    count_evaluation();
    next.x = at.x + alpha * p;
    next.value = objective_.value_and_gradient(next.x, next.gradient);
    const double slope = next.gradient.dot(p);
    if (!std::isfinite(next.value) || !std::isfinite(slope)) {
      return {alpha, std::numeric_limits<double>::infinity(), 0.0};
    }
    finite_seen_ = true;
    return {alpha, next.value, slope};
  }

  void count_evaluation() {
    ++best_->evaluations;
    ++best_->gradient_evaluations;
  }

  // From points so close that f changes by rounding alone.
  double measured_noise(const Point& at, const Vector& p, Point& next) {
    constexpr double kSpacing = 0x1p-42;
    const double spacing =
        kSpacing * std::max(at.x.cwiseAbs().maxCoeff(), kSpacing) / p.cwiseAbs().maxCoeff();
    std::array<double, kNoiseSamples> values;
    for (int i = 0; i < kNoiseSamples; ++i) {
      values[i] = evaluate(at, p, (i + 1) * spacing, next).value;
    }
    const double level = noise_level(values), least = 0.25 * rounding_of(at.value);
    return std::isfinite(level) ? std::max(level, least) : least;
  }

  static double rounding_of(double value) {
    return 2.0 * std::numeric_limits<double>::epsilon() * std::abs(value);
  }

  // Values that differ by less count as equal.
  double tolerance(double value) const { return std::max(3.0 * noise_, rounding_of(value)); }

  // Makes it the best when it is lower, or as low but for the noise and flatter.
  bool keep(const Point& at) {
    const double noise = tolerance(best_->value);
    if (at.value < best_->value - noise ||
        (at.value <= best_->value + noise && at.gradient.norm() < best_->gradient.norm())) {
      set_best(at);
      return true;
    }
    return false;
  }

  void set_best(const Point& at) {
    best_->x = at.x;
    best_->value = at.value;
    best_->gradient = at.gradient;
  }

  double gradient_norm(const Vector& g) const {
    const double order = options_.norm;
    if (g.size() == 0) return 0.0;
    if (std::isinf(order)) return order > 0.0 ? g.cwiseAbs().maxCoeff() : g.cwiseAbs().minCoeff();
    return std::pow(g.array().abs().pow(order).sum(), 1.0 / order);
  }

  const Objective& objective_;
  QuasiNewtonOptions options_;
  const DescentMonitor* monitor_ = nullptr;
  DescentResult* best_ = nullptr;
  double noise_ = 0.0;
  bool finite_seen_ = true;
};

}  // namespace precisekit
