// Newton's method with the exact Hessian in a trust region (More and Sorensen, SIAM J. Sci. Stat.
// Comput. 4, 553, 1983; Conn, Gould and Toint, Trust-region methods, section 7.3). The eigenvectors
// of the Hessian, taken once a point, serve every radius tried there, and leave no case hard: where
// the Hessian is indefinite, the step also follows the directions of negative curvature.
//
// Objective: value(x), value_and_gradient(x, gradient), and hessian(objective, x) found by its type.
#pragma once

#include <cmath>

#include "precisekit/core/linalg.hpp"
#include "precisekit/optimize/descent.hpp"

namespace precisekit {

struct NewtonOptions : DescentOptions {
  double gradient_tolerance = 1e-5;  // stop when the largest |gradient| is not above it
  double initial_radius = 1.0;       // Euclidean

  void check() const {
    DescentOptions::check();
    if (!(gradient_tolerance >= 0.0)) throw std::invalid_argument("gtol must not be negative");
    if (!(initial_radius > 0.0 && std::isfinite(initial_radius))) {
      throw std::invalid_argument("initial_radius must be positive and finite");
    }
  }
};

// The minimiser of c'p + sum lambda_i p_i^2 / 2 over |p| <= radius; lambda ascending.
//
// It is p_i = -c_i / (lambda_i + mu) with the least mu >= 0 for which lambda + mu >= 0 and
// |p| <= radius. The unknown is nu = lambda_0 + mu: that mu is close to -lambda_0, as it is when c_0
// is small, then costs no digit.
inline Vector trust_region_step(const Vector& lambda, const Vector& c, double radius) {
  const Vector gap = lambda.array() - lambda[0];
  const auto step = [&](double nu) -> Vector {
    // 0 / 0 is a direction without slope and without curvature: no step
    return (c.array() == 0.0).select(0.0, -c.array() / (gap.array() + nu));
  };
  double low = std::max(lambda[0], 0.0), high = c.norm() / radius;
  Vector p = step(low);
  if (p.norm() <= radius) {  // false for a p that is not finite
    if (lambda[0] < 0.0) p[0] = std::sqrt(std::max(radius * radius - p.squaredNorm(), 0.0));
    return p;
  }
  // 1 / |p| is nearly linear in nu, and concave: Newton's iteration for it, kept inside the bracket.
  double nu = high;
  for (int i = 0; i < 200; ++i) {
    p = step(nu);
    const double size = p.norm();
    if (std::abs(size - radius) <= 1e-12 * radius) break;
    (size > radius ? low : high) = nu;
    const double decline = (p.array().square() / (gap.array() + nu)).sum();
    nu += (size / radius - 1.0) * size * size / decline;
    if (!(nu > low && nu < high)) nu = low > 0.0 ? std::sqrt(low) * std::sqrt(high) : 0.01 * high;
    if (!(nu > low && nu < high)) break;  // neighbouring numbers
  }
  return p;
}

template <class Objective>
class Newton {
 public:
  // Throws std::invalid_argument for options that are out of range.
  Newton(const Objective& objective, const NewtonOptions& options)
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
  struct Point {
    Vector x;
    double value = 0.0;
    Vector gradient;
  };

  DescentStop iterate(const DescentMonitor& monitor, DescentResult& best) {
    Point at{best.x, 0.0, best.gradient};
    evaluate(monitor, at, best);
    double radius = options_.initial_radius;
    for (Index& step = best.iterations;; ++step) {
      if (!std::isfinite(at.value) || !at.gradient.allFinite()) return DescentStop::not_finite;
      best.x = at.x;
      best.value = at.value;
      best.gradient = at.gradient;
      if (monitor.observe(step, at.value, at.x)) return DescentStop::interrupted;
      if (at.value <= options_.target) return DescentStop::target;
      if (step >= options_.max_iterations) return DescentStop::max_iterations;

      ++best.hessian_evaluations;
      Matrix H = hessian(objective_, at.x);
      if (!H.allFinite()) return DescentStop::not_finite;
      monitor.poll();
      const linalg::Eigensystem eigen = linalg::symmetric_eigen(std::move(H));
      // A saddle has no gradient either.
      const bool flat = at.gradient.cwiseAbs().maxCoeff() <= options_.gradient_tolerance;
      if (flat && !(eigen.values[0] < -rounding(eigen))) return DescentStop::gradient;
      if (!take_step(monitor, eigen, radius, at, best)) return DescentStop::rounding;
    }
  }

  void evaluate(const DescentMonitor& monitor, Point& at, DescentResult& counts) const {
    monitor.poll();
    ++counts.evaluations;
    ++counts.gradient_evaluations;
    at.value = objective_.value_and_gradient(at.x, at.gradient);
  }

  // The error that dsyevd makes in an eigenvalue.
  static double rounding(const linalg::Eigensystem& eigen) {
    return double(eigen.values.size()) * std::numeric_limits<double>::epsilon() *
           eigen.values.cwiseAbs().maxCoeff();
  }

  // Shrinks the radius until the value falls. Where rounding hides a decrease, a shorter gradient
  // decides; false when that fails too.
  bool take_step(const DescentMonitor& monitor, const linalg::Eigensystem& eigen, double& radius,
                 Point& at, DescentResult& counts) const {
    const Vector slope = eigen.vectors.transpose() * at.gradient;
    const double resolution = std::numeric_limits<double>::epsilon() * std::abs(at.value);
    while (true) {
      const Vector p = trust_region_step(eigen.values, slope, radius);
      const double size = p.norm();
      const double predicted = -slope.dot(p) - 0.5 * eigen.values.dot(p.cwiseAbs2());
      Point next{at.x + eigen.vectors * p, 0.0, at.gradient};
      if (next.x == at.x || !(predicted > 0.0)) return false;
      if (predicted <= resolution) {
        evaluate(monitor, next, counts);
        if (!(next.value <= at.value + 4.0 * resolution)) return false;
        if (!(next.gradient.norm() < 0.5 * at.gradient.norm())) return false;
        at = std::move(next);
        return true;
      }
      monitor.poll();
      ++counts.evaluations;
      const double decrease = at.value - objective_.value(next.x);  // not a number counts as a rise
      if (!(decrease > 0.25 * predicted)) radius = 0.25 * size;
      else if (decrease > 0.75 * predicted && size > 0.99 * radius) radius *= 2.0;
      if (decrease > 1e-4 * predicted) {
        at = std::move(next);
        evaluate(monitor, at, counts);
        return true;
      }
    }
  }

  const Objective& objective_;
  NewtonOptions options_;
};

}  // namespace precisekit
