// Steps in the subspace of low curvature (Michaud, Liu and Tegmark, "Precision machine learning",
// 2022, section 4.2):
//
//   theta <- theta - alpha g_hat,   g_hat = sum over |lambda_i| < tau of e_i (e_i . g),
//
// with the eigenvalues lambda_i and eigenvectors e_i of the exact Hessian, and alpha from a search
// on logarithmic grids. Unlike the paper's program it keeps the lowest value it has seen, and ends
// where no alpha lowers it instead of stepping uphill.
//
// Objective: value(x), value_and_gradient(x, gradient), and hessian(objective, x) found by its type.
#pragma once

#include <cmath>

#include "precisekit/core/linalg.hpp"
#include "precisekit/optimize/descent.hpp"

namespace precisekit {

// A grid of step lengths, equidistant in the logarithm; each later round spans the two neighbours of
// the best one, or is moved by one spacing when that is at an end.
struct LogarithmicGrid {
  double low = 1e-12, high = 1e12;
  int n_points = 15, n_rounds = 4;

  // Throws std::invalid_argument for values that are out of range.
  void check() const {
    if (!(low > 0.0 && low < high && std::isfinite(high))) {
      throw std::invalid_argument("low and high must satisfy 0 < low < high < inf");
    }
    if (n_points < 3) throw std::invalid_argument("n_points must be at least 3");
    if (n_rounds < 1) throw std::invalid_argument("n_rounds must be at least 1");
  }
};

struct GridPoint {
  double alpha, value;
};

// The lowest of phi on the grids and at 0, where it is `start`; alpha = 0 when that is the lowest.
template <class Phi>
GridPoint logarithmic_search(Phi&& phi, double start, const LogarithmicGrid& grid) {
  GridPoint best{0.0, start};
  double from = std::log(grid.low), to = std::log(grid.high);
  for (int round = 0; round < grid.n_rounds; ++round) {
    const double spacing = (to - from) / (grid.n_points - 1);
    int lowest = 0;
    double lowest_value = std::numeric_limits<double>::infinity();
    for (int i = 0; i < grid.n_points; ++i) {
      const double alpha = std::exp(from + i * spacing), value = phi(alpha);
      if (value < lowest_value) {
        lowest = i;
        lowest_value = value;
      }
      if (value < best.value) best = {alpha, value};
    }
    if (lowest == 0 || lowest == grid.n_points - 1) {
      const double shift = lowest == 0 ? -spacing : spacing;
      from += shift;
      to += shift;
    } else {
      to = from + (lowest + 1) * spacing;
      from = to - 2.0 * spacing;
    }
  }
  return best;
}

struct LowCurvatureOptions : DescentOptions {
  double tau = 1e-15;  // curvatures below it count as low
  LogarithmicGrid grid;

  void check() const {
    DescentOptions::check();
    if (!(tau > 0.0)) throw std::invalid_argument("tau must be positive");
    grid.check();
  }
};

template <class Objective>
class LowCurvature {
 public:
  // Throws std::invalid_argument for options that are out of range.
  LowCurvature(const Objective& objective, const LowCurvatureOptions& options)
      : objective_(objective), options_(options) {
    options.check();
  }

  // Throws what the objective and the hooks throw, StopRequest excepted, and std::runtime_error when
  // the eigenvalues do not converge.
  DescentResult minimize(const VectorRef& start, const DescentHooks& hooks) {
    const linalg::SerialBlas serial;
    const DescentMonitor monitor(options_, hooks);
    DescentResult result;
    result.x = start;
    result.gradient = Vector::Constant(start.size(), result.value);  // until it is evaluated
    try {
      result.reason = iterate(monitor, result);
    } catch (const StopRequest& request) {
      result.reason = request.reason;
    }
    return result;
  }

 private:
  DescentStop iterate(const DescentMonitor& monitor, DescentResult& best) {
    Vector x = best.x, gradient(x.size());
    for (Index& step = best.iterations;; ++step) {
      monitor.poll();
      ++best.evaluations;
      ++best.gradient_evaluations;
      const double value = objective_.value_and_gradient(x, gradient);
      if (!std::isfinite(value) || !gradient.allFinite()) return DescentStop::not_finite;
      best.x = x;
      best.value = value;
      best.gradient = gradient;
      if (monitor.observe(step, value, x)) return DescentStop::interrupted;
      if (value <= options_.target) return DescentStop::target;
      if (step >= options_.max_iterations) return DescentStop::max_iterations;

      ++best.hessian_evaluations;
      Matrix H = hessian(objective_, x);
      if (!H.allFinite()) return DescentStop::not_finite;
      monitor.poll();
      const Vector g_hat = projected_gradient(std::move(H), gradient);
      if (g_hat.isZero(0.0)) return DescentStop::no_curvature_below;
      const GridPoint lowest = logarithmic_search(
          [&](double alpha) {
            monitor.poll();
            ++best.evaluations;
            return objective_.value(Vector(x - alpha * g_hat));
          },
          value, options_.grid);
      if (lowest.alpha == 0.0) return DescentStop::no_step;
      x -= lowest.alpha * g_hat;
    }
  }

  Vector projected_gradient(Matrix H, const Vector& g) const {
    const linalg::Eigensystem eigen = linalg::symmetric_eigen(std::move(H));
    const Vector along = eigen.vectors.transpose() * g;
    return eigen.vectors * (eigen.values.array().abs() < options_.tau).select(along, 0.0);
  }

  const Objective& objective_;
  LowCurvatureOptions options_;
};

}  // namespace precisekit
