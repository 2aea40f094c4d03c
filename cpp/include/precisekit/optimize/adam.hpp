// Adam (Kingma and Ba, 2015, algorithm 1), on the whole objective or on consecutive slices of its
// samples. The best point seen is kept; the iteration itself goes where it likes.
#pragma once

#include <cmath>
#include <limits>

#include "precisekit/objective/least_squares.hpp"
#include "precisekit/optimize/descent.hpp"

namespace precisekit {

struct AdamOptions : DescentOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;  // of the moving averages of the gradient and of its square
  double epsilon = 1e-8;
  Index record_every = 1;  // steps from one call of the observer to the next

  void check() const {
    DescentOptions::check();
    if (!(learning_rate > 0.0 && std::isfinite(learning_rate))) {
      throw std::invalid_argument("lr must be positive and finite");
    }
    if (!(beta1 >= 0.0 && beta1 < 1.0)) throw std::invalid_argument("beta1 must be in [0, 1)");
    if (!(beta2 >= 0.0 && beta2 < 1.0)) throw std::invalid_argument("beta2 must be in [0, 1)");
    if (!(epsilon >= 0.0)) throw std::invalid_argument("eps must not be negative");
    if (record_every < 1) throw std::invalid_argument("record_every must be at least 1");
  }
};

// Where Adam stands between two steps: all that those to come depend on, and the best point so far.
// A run from a copy of it goes on as if it had not been stopped, to the last bit.
struct AdamState {
  Index steps = 0;  // taken
  Vector x, m, v;   // the moving averages of the gradient and of its square
  Vector best_x;
  double best_value = std::numeric_limits<double>::quiet_NaN();

  AdamState() = default;  // not begun
  explicit AdamState(const VectorRef& start)
      : x(start), m(Vector::Zero(start.size())), v(m), best_x(start) {}
};

// What Adam steps on: every step on all of the objective ...
template <class Objective>
struct FullBatch {
  static constexpr bool kIsObjective = true;
  const Objective& objective;

  void after(Index) {}
  double value_and_gradient(const Vector& x, Vector& gradient) {
    return objective.value_and_gradient(x, gradient);
  }
};

// ... or on `size` samples, where the last step's ended, counted modulo their number.
class ConsecutiveSlices {
 public:
  static constexpr bool kIsObjective = false;

  ConsecutiveSlices(const LeastSquares& whole, Index size) : whole_(whole), slice_(whole, size) {}

  // The next slice is that after so many steps.
  void after(Index steps) { first_ = steps * slice_.samples().n() % whole_.samples().n(); }

  double value_and_gradient(const Vector& x, Vector& gradient) {
    slice_.assign_slice(whole_, first_);
    first_ = (first_ + slice_.samples().n()) % whole_.samples().n();
    return slice_.value_and_gradient(x, gradient);
  }

 private:
  const LeastSquares& whole_;
  LeastSquares slice_;
  Index first_ = 0;
};

template <class Objective, class Batches>
class Adam {
 public:
  // Throws std::invalid_argument for options that are out of range.
  Adam(const Objective& objective, Batches& batches, const AdamOptions& options)
      : objective_(objective), batches_(batches), options_(options) {
    options.check();
  }

  // From where `state` stands; it is kept up to date, at each call of the observer and at the end.
  // Iterations and their limit count from there, but `record_every` and the slices from the first
  // step of all. Throws what the objective and the hooks throw, StopRequest excepted.
  DescentResult minimize(AdamState& state, const DescentHooks& hooks) {
    const DescentMonitor monitor(options_, hooks);
    DescentResult result;
    result.gradient = Vector::Constant(state.x.size(), result.value);  // until it is evaluated
    try {
      if (Batches::kIsObjective && state.steps > 0) evaluate_gradient(state, result);
      result.reason = iterate(state, monitor, result);
    } catch (const StopRequest& request) {
      result.reason = request.reason;
    }
    if (!Batches::kIsObjective) evaluate_gradient(state, result);
    result.x = state.best_x;
    result.value = state.best_value;
    return result;
  }

  DescentResult minimize(const VectorRef& start, const DescentHooks& hooks) {
    AdamState state(start);
    return minimize(state, hooks);
  }

 private:
  void evaluate_gradient(const AdamState& state, DescentResult& result) const {
    ++result.evaluations;
    ++result.gradient_evaluations;
    objective_.value_and_gradient(state.best_x, result.gradient);
  }

  DescentStop iterate(AdamState& state, const DescentMonitor& monitor, DescentResult& result) {
    Vector& x = state.x;
    Vector gradient(x.size());
    double decay1 = 1.0, decay2 = 1.0;  // beta1^steps, beta2^steps
    for (Index k = 0; k < state.steps; ++k) {
      decay1 *= options_.beta1;
      decay2 *= options_.beta2;
    }
    batches_.after(state.steps);
    for (Index& k = result.iterations;; ++k, ++state.steps) {
      monitor.poll();
      const bool last = k >= options_.max_iterations;
      const bool recorded = last || k == 0 || state.steps % options_.record_every == 0;
      double value = batches_.value_and_gradient(x, gradient);
      ++result.evaluations;
      ++result.gradient_evaluations;
      if (!std::isfinite(value) || !gradient.allFinite()) return DescentStop::not_finite;
      if (Batches::kIsObjective || recorded) {
        if constexpr (!Batches::kIsObjective) {
          value = objective_.value(x);
          ++result.evaluations;
        }
        if (!(value >= state.best_value)) {
          state.best_value = value;
          state.best_x = x;
          if (Batches::kIsObjective) result.gradient = gradient;
        }
        if (recorded && monitor.observe(k, value, x)) return DescentStop::interrupted;
        if (value <= options_.target) return DescentStop::target;
      }
      if (last) return DescentStop::max_iterations;

      decay1 *= options_.beta1;
      decay2 *= options_.beta2;
      state.m = options_.beta1 * state.m + (1.0 - options_.beta1) * gradient;
      state.v = options_.beta2 * state.v + (1.0 - options_.beta2) * gradient.cwiseAbs2();
      const double rate = options_.learning_rate / (1.0 - decay1);
      const double root = 1.0 / std::sqrt(1.0 - decay2);
      x.array() -= rate * state.m.array() / (root * state.v.array().sqrt() + options_.epsilon);
    }
  }

  const Objective& objective_;
  Batches& batches_;
  AdamOptions options_;
};

}  // namespace precisekit
