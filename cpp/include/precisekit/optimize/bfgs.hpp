// BFGS (Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 6.1), and its self-scaled
// form (Oren and Luenberger 1974; Al-Baali 1998).
//
// An iteration costs one pass over the lower triangle of the inverse Hessian H. The update needs
// H y = H g_new - H g, and H g = -p is known; the next direction -H_new g_new then follows from
// H g_new in O(n). The update itself waits until that pass, and is done as it goes.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

#include "precisekit/core/types.hpp"
#include "precisekit/optimize/line_search.hpp"

namespace precisekit {

struct BfgsOptions {
  double gradient_tolerance = 1e-5;  // stop when a norm of the gradient is not above it
  double norm = std::numeric_limits<double>::infinity();     // which; -inf is the least entry
  double step_tolerance = 0.0;                               // relative to x
  double target = -std::numeric_limits<double>::infinity();  // stop at this value
  Index max_iterations = 10000;
  double time_limit = std::numeric_limits<double>::infinity();  // seconds
  WolfeConditions wolfe;
  bool self_scaling = false;
  Matrix inverse_hessian;  // at the start; empty: the identity, scaled after the first step
};

enum class BfgsStop {
  gradient,  // the gradient is small enough
  target,    // the value asked for is reached
  step,      // the step was small enough
  rounding,  // neither values nor slopes tell a better point from a worse one
  max_iterations,
  time_limit,
  interrupted,  // by the observer, the poll, or the objective
  not_finite,   // at the start, or wherever the line search looked
};

// An objective may throw it: the run ends, and the best point so far is returned.
struct StopRequest {
  BfgsStop reason;
};

struct BfgsProgress {
  Index iteration;
  double seconds;
  double value;
  const Vector& x;
};

struct BfgsResult {
  Vector x;  // the best seen; of points that differ by less than the noise, the flattest
  double value;
  Vector gradient;
  Matrix inverse_hessian;
  BfgsStop reason = BfgsStop::max_iterations;
  double noise = 0.0;  // estimated standard deviation of the noise in values; 0 where not met
  Index iterations = 0, evaluations = 0;
};

struct BfgsHooks {
  std::function<bool(const BfgsProgress&)> observe;  // first, and after each iteration; true stops
  std::function<bool()> poll;                        // before each evaluation; true stops
};

// A symmetric matrix H of which only the lower triangle is kept, with an update
// H <- scale H + s u' + u s' that is carried out during the next product.
class InverseHessian {
 public:
  explicit InverseHessian(Matrix H) : H_(std::move(H)) {}

  // H g.
  Vector product(const Vector& g) {
    const Index n = H_.rows();
    Vector out = Vector::Zero(n);
    for (Index j = 0; j < n; ++j) {
      apply_update(j);
      const auto column = H_.col(j).tail(n - j - 1);
      out[j] += H_(j, j) * g[j] + column.dot(g.tail(n - j - 1));
      out.tail(n - j - 1) += g[j] * column;
    }
    pending_ = false;
    return out;
  }

  // To be called after product(): one update can wait, not two.
  void update(double scale, const Vector& s, const Vector& u) {
    scale_ = scale;
    s_ = s;
    u_ = u;
    pending_ = true;
  }

  // All of it.
  Matrix matrix() && {
    if (pending_) {
      for (Index j = 0; j < H_.rows(); ++j) apply_update(j);
    }
    H_.triangularView<Eigen::StrictlyUpper>() = H_.transpose();
    return std::move(H_);
  }

 private:
  void apply_update(Index j) {
    if (!pending_) return;
    const Index rows = H_.rows() - j;
    auto column = H_.col(j).tail(rows);
    column = scale_ * column + s_[j] * u_.tail(rows) + u_[j] * s_.tail(rows);
  }

  Matrix H_;
  bool pending_ = false;
  double scale_ = 1.0;
  Vector s_, u_;
};

// Objective: double value_and_gradient(const Vector& x, Vector& gradient) const. A value or gradient
// that is not finite makes the line search step back.
template <class Objective>
class Bfgs {
 public:
  // Throws std::invalid_argument for options that are out of range.
  Bfgs(const Objective& objective, BfgsOptions options)
      : objective_(objective), options_(std::move(options)) {
    const WolfeConditions& wolfe = options_.wolfe;
    if (!(0.0 < wolfe.c1 && wolfe.c1 < wolfe.c2 && wolfe.c2 < 1.0)) {
      throw std::invalid_argument("c1 and c2 must satisfy 0 < c1 < c2 < 1");
    }
    if (!(options_.gradient_tolerance >= 0.0)) {
      throw std::invalid_argument("gtol must not be negative");
    }
    if (!(options_.step_tolerance >= 0.0)) {
      throw std::invalid_argument("xrtol must not be negative");
    }
    if (std::isnan(options_.norm)) throw std::invalid_argument("norm must be a number");
    if (!(options_.time_limit > 0.0)) throw std::invalid_argument("time_limit must be positive");
    if (options_.max_iterations < 0) throw std::invalid_argument("maxiter must not be negative");
  }

  // Throws std::invalid_argument when the inverse Hessian given has another size, and what the
  // objective and the hooks throw, StopRequest excepted.
  BfgsResult minimize(const VectorRef& start, const BfgsHooks& hooks) {
    const Index n = start.size();
    const Matrix& given = options_.inverse_hessian;
    if (given.size() != 0 && (given.rows() != n || given.cols() != n)) {
      throw std::invalid_argument("hess_inv0 must have shape (" + std::to_string(n) + ", " +
                                  std::to_string(n) + ")");
    }
    hooks_ = &hooks;
    began_ = std::chrono::steady_clock::now();
    noise_ = 0.0;
    finite_seen_ = true;
    BfgsResult result;
    best_ = &result;
    result.x = start;
    result.value = std::numeric_limits<double>::quiet_NaN();  // until it is evaluated
    result.gradient = Vector::Constant(n, result.value);
    InverseHessian H(given.size() ? given : Matrix(Matrix::Identity(n, n)));
    try {
      Point at{start, 0.0, Vector::Zero(n)};
      ++result.evaluations;
      at.value = objective_.value_and_gradient(at.x, at.gradient);
      set_best(at);
      const bool finite = std::isfinite(at.value) && at.gradient.allFinite();
      result.reason = finite ? iterate(at, H, given.size() == 0) : BfgsStop::not_finite;
    } catch (const StopRequest& request) {
      result.reason = request.reason;
    }
    result.inverse_hessian = std::move(H).matrix();
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

  BfgsStop iterate(Point& at, InverseHessian& H, bool scale_first) {
    Vector p = -H.product(at.gradient);
    // A first step of length one, unless H comes from the user.
    double previous_value =
        scale_first ? at.value + 0.5 * at.gradient.norm() : std::numeric_limits<double>::infinity();
    double lowest = at.value, value_at_restart = at.value;
    bool steepest_descent = scale_first, small_step = false;
    int restarts = 0, steps_without_gain = 0;
    Point next = at;
    for (Index& iteration = best_->iterations;; ++iteration) {
      if (hooks_->observe && hooks_->observe({iteration, seconds(), at.value, at.x})) {
        return BfgsStop::interrupted;
      }
      if (gradient_norm(at.gradient) <= options_.gradient_tolerance) {
        set_best(at);
        return BfgsStop::gradient;
      }
      if (at.value <= options_.target) return BfgsStop::target;
      if (small_step) return BfgsStop::step;
      if (iteration >= options_.max_iterations) return BfgsStop::max_iterations;

      LineSearchResult found{{}, Step::none};
      while (true) {
        const LinePoint origin{0.0, at.value, at.gradient.dot(p)};
        if (origin.slope < 0.0) found = search(at, p, origin, previous_value, lowest, next);
        if (found.step != Step::none) break;
        // A direction that leads nowhere may be the fault of H; steepest descent decides, unless
        // it has been tried again and again without a gain.
        if (value_at_restart - at.value > 0.01 * std::abs(value_at_restart)) restarts = 0;
        if (steepest_descent || restarts == kRestarts) {
          return finite_seen_ ? BfgsStop::rounding : BfgsStop::not_finite;
        }
        H = InverseHessian(Matrix::Identity(p.size(), p.size()));
        p = -at.gradient;
        previous_value = at.value + 0.5 * at.gradient.norm();
        value_at_restart = at.value;
        ++restarts;
        steepest_descent = scale_first = true;
      }

      const Vector s = next.x - at.x, y = next.gradient - at.gradient;
      const Vector Hg = H.product(next.gradient), Hy = Hg + p;  // as H g = -p
      const double sy = s.dot(y), sBs = -found.point.alpha * s.dot(at.gradient);
      p = -Hg;
      if (sy > std::numeric_limits<double>::epsilon() * s.norm() * y.norm()) {
        double scale = 1.0;
        if (scale_first) scale = sy / y.squaredNorm();
        else if (options_.self_scaling) scale = 1.0 / std::min(1.0, sy / sBs);
        const double yHy = y.dot(Hy);
        const Vector u = (0.5 * (1.0 + scale * yHy / sy) / sy) * s - (scale / sy) * Hy;
        H.update(scale, s, u);
        p = -scale * Hg - s * u.dot(next.gradient) - u * s.dot(next.gradient);
        scale_first = steepest_descent = false;
      }

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
        return BfgsStop::rounding;
      }
    }
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
    if (hooks_->poll && hooks_->poll()) throw StopRequest{BfgsStop::interrupted};
    if (seconds() > options_.time_limit) throw StopRequest{BfgsStop::time_limit};
    ++best_->evaluations;
    next.x = at.x + alpha * p;
    next.value = objective_.value_and_gradient(next.x, next.gradient);
    const double slope = next.gradient.dot(p);
    if (!std::isfinite(next.value) || !std::isfinite(slope)) {
      return {alpha, std::numeric_limits<double>::infinity(), 0.0};
    }
    finite_seen_ = true;
    return {alpha, next.value, slope};
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

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }

  const Objective& objective_;
  BfgsOptions options_;
  const BfgsHooks* hooks_ = nullptr;
  BfgsResult* best_ = nullptr;
  std::chrono::steady_clock::time_point began_;
  double noise_ = 0.0;
  bool finite_seen_ = true;
};

}  // namespace precisekit
