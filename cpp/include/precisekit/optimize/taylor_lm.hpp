// Taylor-LM: Levenberg-Marquardt steps along a curve of high order.
//
// An ordinary step is a straight line, and stalls in the curved valleys of a network's loss. Here
// theta(t) = theta + d_1 t + ... + d_K t^K, where every d_k solves the damped least-squares problem
// of d_1 with the coefficient c_k of the residual along the curve so far on the right:
//
//   d_k = argmin |J d + c_k|^2 + lambda |d|^2,   c_1 = r.
//
// Order 1 is Levenberg-Marquardt, order 2 its geodesic acceleration (Transtrum, Machta and Sethna,
// Phys. Rev. E 83, 036701, 2011), orders to 4 were studied by Brooks (arXiv:2307.03820). All orders
// share one factorisation of J (damped_jacobian.hpp).
#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>

#include "precisekit/network/jet.hpp"
#include "precisekit/objective/least_squares.hpp"
#include "precisekit/optimize/damped_jacobian.hpp"
#include "precisekit/optimize/pade.hpp"

namespace precisekit {

struct TaylorLmOptions {
  int order = 16;  // of the curve; 1 is Levenberg-Marquardt
  Index max_iterations = 10000;
  double tolerance = 0.0;                                       // stop at this relative RMSE
  double time_limit = std::numeric_limits<double>::infinity();  // seconds
  double damping = 1e-3;  // first lambda, relative to sigma_max^2
  bool pade = true;       // try the Pade form of the curve as well
};

enum class StopReason {
  tolerance,   // the relative RMSE asked for is reached
  stalled,     // several iterations gained next to nothing
  no_damping,  // no damping lowers the loss
  max_iterations,
  time_limit,
  interrupted,  // by the observer or the poll
  not_finite,   // the loss at the start is not a number
};

struct TaylorLmProgress {
  Index iteration;
  double seconds;
  double relative_rmse;
  double damping;  // lambda / sigma_max^2 of the next trial
  const Vector& theta;
};

struct TaylorLmResult {
  Vector theta;          // the best seen
  double relative_rmse;  // at theta
  StopReason reason;
  Index iterations = 0, trials = 0, residual_evaluations = 0, jacobian_evaluations = 0;
  double damping;  // for a warm start: the next one; after a stall the last that gained
};

struct TaylorLmHooks {
  std::function<bool(const TaylorLmProgress&)> observe;  // after each iteration; true stops
  std::function<bool()> poll;                            // often; true stops at once
};

class TaylorLm {
 public:
  // Throws std::invalid_argument for an order below 1, or a damping or limits that are not positive.
  // A network that is not smooth (relu) gets order 1.
  TaylorLm(const LeastSquares& objective, const TaylorLmOptions& options)
      : objective_(objective),
        options_(options),
        order_(objective.network().is_smooth() ? options.order : 1) {
    if (options.order < 1) throw std::invalid_argument("order must be at least 1");
    if (!(options.damping > 0.0)) throw std::invalid_argument("damping must be positive");
    if (!(options.time_limit > 0.0)) throw std::invalid_argument("time_limit must be positive");
    if (options.tolerance < 0.0) throw std::invalid_argument("tol must not be negative");
    if (order_ > 1) {
      jet_ = std::make_unique<ParameterJet>(objective.network(), objective.samples(), order_);
    }
  }

  TaylorLmResult minimize(const VectorRef& start, const TaylorLmHooks& hooks) {
    const linalg::SerialBlas serial;
    hooks_ = &hooks;
    began_ = std::chrono::steady_clock::now();
    aborted_ = false;
    jacobian_.emplace(block_rows(objective_), objective_.n_params());
    trials_ = evaluations_ = linearizations_ = 0;
    TaylorLmResult result{start, 0.0, StopReason::max_iterations, 0, 0, 0, 0, options_.damping};
    Vector& theta = result.theta;
    Vector residual;
    double error = relative_rmse(theta, residual);
    double damping = options_.damping, gaining = damping;  // the last with which a step gained
    double milestone = error;
    Index last_gain = 0;  // in trials
    const auto stuck = [&] {
      result.damping = damping = gaining;
      last_gain = trials_;
      return error < kRounded || !jacobian_->sharpen(gaining);
    };
    result.relative_rmse = error;
    if (!std::isfinite(error)) return finish(result, StopReason::not_finite);
    for (Index iteration = 0;; ++iteration) {
      result.iterations = iteration;
      result.relative_rmse = error;
      const bool stop =
          hooks.observe && hooks.observe({iteration, seconds(), error, damping, theta});
      if (error < milestone * (1.0 - kStallGain)) {
        milestone = error;
        last_gain = trials_;
      }
      result.damping = damping;
      if (error <= options_.tolerance) return finish(result, StopReason::tolerance);
      if (stop) return finish(result, StopReason::interrupted);
      if (trials_ - last_gain > kStallTrials && stuck()) return finish(result, StopReason::stalled);
      if (iteration >= options_.max_iterations) return finish(result, StopReason::max_iterations);

      if (!linearize(theta, residual, damping)) return finish(result, stop_reason_);
      Trial best;
      double tried = damping;
      std::optional<StopReason> end;
      for (int failures = 0;; ++failures) {
        best = try_damping(theta, tried);
        ++trials_;
        if (best.error < error) break;
        if (aborted_) return finish(result, stop_reason_);
        tried *= std::pow(10.0, std::max(failures, 1));  // 10, 10, 100, 1000, ...
        if (trials_ - last_gain > kStallTrials) end = StopReason::stalled;
        else if (tried > kLargestDamping) end = StopReason::no_damping;
        if (end) break;
      }
      if (end) {
        if (stuck()) return finish(result, *end);
        continue;
      }
      if (best.error < error * (1.0 - kStallGain)) gaining = tried;
      damping = next_damping(tried, error, best);
      theta = best.theta;
      error = relative_rmse(theta, residual);
      if (aborted_) {
        result.relative_rmse = error;
        return finish(result, stop_reason_);
      }
    }
  }

 private:
  static constexpr double kStallGain = 0.02;      // less than this within
  static constexpr Index kStallTrials = 20;       // so many trials is a stall
  static constexpr double kRounded = 3e-16;       // so small an error is the targets' own rounding
  static constexpr double kLargestDamping = 1e3;  // relative: the step is down to 1e-3 |g|/sigma^2
  static constexpr double kSmallestDamping = 1e-33;
  static constexpr int kPadeDegree = 4, kPadeTerms = 8;

  struct Trial {
    double error = std::numeric_limits<double>::infinity();
    Vector theta;
    double t = 0.0;      // parameter of the curve where it was best; 0 for the straight step
    int terms = 0;       // of the series before its terms grew
    double ratio = 1.0;  // |d_{k+1}| / |d_k| over the series
  };

  static std::vector<Index> block_rows(const LeastSquares& objective) {
    const Index blocks = objective.samples().count();
    const Index parts =
        std::min(blocks, TallQr::block_count(objective.blocked_size(), objective.n_params()));
    std::vector<Index> rows;
    for (Index i = 0; i < parts; ++i) {
      const Range range = task_range(blocks, parts, i);
      rows.push_back(objective.blocked_offset(range.last) - objective.blocked_offset(range.first));
    }
    return rows;
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }

  bool aborted() {
    if (hooks_->poll && hooks_->poll()) {
      aborted_ = true;
      stop_reason_ = StopReason::interrupted;
    } else if (seconds() > options_.time_limit) {
      aborted_ = true;
      stop_reason_ = StopReason::time_limit;
    }
    return aborted_;
  }

  TaylorLmResult& finish(TaylorLmResult& result, StopReason reason) const {
    result.reason = reason;
    result.trials = trials_;
    result.residual_evaluations = evaluations_;
    result.jacobian_evaluations = linearizations_;
    return result;
  }

  double relative_rmse(const Vector& theta, Vector& residual) {
    ++evaluations_;
    return std::sqrt(objective_.blocked_residual(theta, residual)) / objective_.target_norm();
  }

  // J at theta, for dampings from `damping` on, and order 0 of the jet; false when aborted.
  bool linearize(const Vector& theta, const Vector& residual, double damping) {
    ++linearizations_;
    const Index blocks = objective_.samples().count(), parts = Index(block_rows(objective_).size());
    const auto fill = [&](Index part, Matrix& rows) {
      const Range range = task_range(blocks, parts, part);
      objective_.blocked_jacobian(theta, range.first, range.last, rows.data(), rows.rows());
    };
    jacobian_->factor(fill, damping);
    if (aborted()) return false;
    projected_residual_ = jacobian_->project(residual);
    if (jet_) jet_->start(theta);
    return !aborted();
  }

  Trial try_damping(const Vector& theta, double relative_damping) {
    jacobian_->set_damping(relative_damping * jacobian_->sigma_max_squared());
    std::vector<Vector> d{jacobian_->solve(projected_residual_)};
    std::vector<double> norm{d[0].norm()};
    Vector c(objective_.blocked_size());
    for (int k = 2; k <= order_ && std::isfinite(norm.back()); ++k) {
      if (aborted()) return {};
      jet_->advance(k, d.back(), [&](Index b, double* rows) {
        objective_.scale_rows(b, 1.0, rows);
        zero_padding(b, rows);
        objective_.rows_to_blocked(b, rows, c.data());
      });
      Vector next = jacobian_->solve(jacobian_->project(c));
      const double size = next.norm();
      if (!(size <= norm.back())) break;  // the series has begun to diverge
      norm.push_back(size);
      d.push_back(std::move(next));
    }
    Trial best;
    best.terms = int(d.size());
    if (best.terms > 2) {  // d_1 is apart: it alone answers the residual
      best.ratio = std::pow(norm.back() / norm[1], 1.0 / double(best.terms - 2));
    } else if (best.terms == 2) {
      best.ratio = norm[1] / norm[0];
    }
    for (const double t : {1.0, 0.7, 0.45}) {
      if (t < 1.0 && best.terms == 1) break;
      Vector candidate = d.back();
      for (int k = best.terms - 1; k > 0; --k) candidate = d[k - 1] + t * candidate;
      consider(theta + t * candidate, t, best);
    }
    if (best.terms > 1) consider(theta + d[0], 0.0, best);
    if (options_.pade && best.terms >= kPadeTerms) consider_pade(theta, d, best);
    return best;
  }

  void consider(const Vector& theta, double t, Trial& best) {
    const double error = relative_rmse(theta, scratch_);
    if (error < best.error) {
      best.error = error;
      best.theta = theta;
      best.t = t;
    }
  }

  void consider_pade(const Vector& theta, const std::vector<Vector>& d, Trial& best) {
    const PadeForm pade(d, kPadeDegree);
    for (const double t : {1.0, 0.7}) {
      const std::optional<Vector> weights = pade.weights(t);
      if (!weights) continue;
      Vector candidate = theta;
      for (std::size_t k = 0; k < d.size(); ++k) candidate += (*weights)[Index(k)] * d[k];
      consider(candidate, t, best);
    }
  }

  void zero_padding(Index b, double* rows) const {
    const SampleBlocks& samples = objective_.samples();
    for (Index o = 0; o < objective_.network().n_outputs(); ++o) {
      double* row = rows + o * kernels::kStride;
      std::fill(row + samples.samples(b), row + samples.columns(b), 0.0);
    }
  }

  // One trial an iteration: the convergence of the series says what damping the next one bears.
  // A full series that converged faster than `kGoodRatio` asks for less, a short one for more.
  double next_damping(double tried, double error, const Trial& trial) const {
    constexpr double kGoodRatio = 0.55;
    double factor = 1.0;
    if (order_ == 1) {
      factor = trial.error < 0.5 * error ? 0.1 : 0.3;
    } else if (trial.terms < std::max(std::min(3, order_), order_ / 2) || trial.t < 0.5) {
      factor = trial.error > 0.7 * error && tried < 1e-2 ? std::sqrt(10.0) : 1.0;
    } else if (trial.terms == order_ && trial.t == 1.0 && trial.ratio < kGoodRatio) {
      factor = std::clamp(std::pow(trial.ratio / kGoodRatio, 6.0), 1e-2, 1.0);
    }
    return std::max(std::min(tried * factor, 0.1), kSmallestDamping);
  }

  const LeastSquares& objective_;
  TaylorLmOptions options_;
  int order_;
  std::optional<DampedJacobian> jacobian_;
  std::unique_ptr<ParameterJet> jet_;
  const TaylorLmHooks* hooks_ = nullptr;
  std::chrono::steady_clock::time_point began_;
  bool aborted_ = false;
  StopReason stop_reason_ = StopReason::max_iterations;
  Vector projected_residual_, scratch_;
  Index trials_ = 0, evaluations_ = 0, linearizations_ = 0;
};

}  // namespace precisekit
