// What the minimisers that go downhill share: their limits, why they end, and what they report.
#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <stdexcept>

#include "precisekit/core/types.hpp"

namespace precisekit {

struct DescentOptions {
  double target = -std::numeric_limits<double>::infinity();  // stop at this value
  Index max_iterations = 10000;
  double time_limit = std::numeric_limits<double>::infinity();  // seconds

  // Throws std::invalid_argument for options that are out of range.
  void check() const {
    if (!(time_limit > 0.0)) throw std::invalid_argument("time_limit must be positive");
    if (max_iterations < 0) throw std::invalid_argument("maxiter must not be negative");
  }
};

enum class DescentStop {
  gradient,            // the gradient is small enough
  target,              // the value asked for is reached
  step,                // the step was small enough
  rounding,            // neither values nor slopes tell a better point from a worse one
  no_step,             // no step length of the search leads to a lower value
  no_curvature_below,  // the subspace to move in is empty
  max_iterations,
  time_limit,
  interrupted,  // by the observer, the poll, or the objective
  not_finite,   // at the start, or wherever the search looked
};

// An objective may throw it: the run ends, and the best point so far is returned.
struct StopRequest {
  DescentStop reason;
};

struct DescentProgress {
  Index iteration;
  double seconds;
  double value;
  const Vector& x;
};

struct DescentHooks {
  std::function<bool(const DescentProgress&)> observe;  // first, and after an iteration; true stops
  std::function<bool()> poll;                           // before each evaluation; true stops
};

struct DescentResult {
  Vector x;  // the best seen
  double value = std::numeric_limits<double>::quiet_NaN();
  Vector gradient;
  DescentStop reason = DescentStop::max_iterations;
  double noise = 0.0;  // estimated standard deviation of the noise in values; 0 where not met
  Index iterations = 0;
  Index evaluations = 0, gradient_evaluations = 0, hessian_evaluations = 0;
};

// The clock and the hooks of one run.
class DescentMonitor {
 public:
  DescentMonitor(const DescentOptions& options, const DescentHooks& hooks)
      : time_limit_(options.time_limit), hooks_(&hooks) {}

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }
  // Throws StopRequest when the time is up or the user wants an end.
  void poll() const {
    if (hooks_->poll && hooks_->poll()) throw StopRequest{DescentStop::interrupted};
    if (seconds() > time_limit_) throw StopRequest{DescentStop::time_limit};
  }
  // Whether to stop.
  bool observe(Index iteration, double value, const Vector& x) const {
    return hooks_->observe && hooks_->observe({iteration, seconds(), value, x});
  }

 private:
  double time_limit_;
  const DescentHooks* hooks_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace precisekit
