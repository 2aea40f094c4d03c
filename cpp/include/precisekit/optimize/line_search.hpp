// Line searches: how far to go along a descent direction p, given phi(alpha) = f(x + alpha p).
//
// The first one is the textbook's, for the strong Wolfe conditions (Nocedal and Wright, Numerical
// Optimization, 2nd edition, algorithms 3.5 and 3.6). It compares values of f, and so fails where
// their differences drown in rounding. The second one then goes on: it decides by slopes alone, with
// the approximate Wolfe conditions of Hager and Zhang (SIAM J. Optim. 16, 170, 2005), and asks of the
// values only that they do not rise beyond their noise.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace precisekit {

// Where f or its slope is not a number, `value` is infinite.
struct LinePoint {
  double alpha = 0.0, value = 0.0, slope = 0.0;
};

struct WolfeConditions {
  double c1 = 1e-4;  // sufficient decrease; 0 < c1 < c2 < 1
  double c2 = 0.9;   // curvature

  bool decrease(const LinePoint& start, const LinePoint& a) const {
    return a.value <= start.value + c1 * a.alpha * start.slope;
  }
  bool curvature(const LinePoint& start, const LinePoint& a) const {
    return std::abs(a.slope) <= -c2 * start.slope;
  }
  bool strong(const LinePoint& start, const LinePoint& a) const {
    return decrease(start, a) && curvature(start, a);
  }
  // The condition of decrease as it reads for a parabola through both slopes; `ceiling` is the
  // highest value that still counts as "not above the start".
  bool approximate(const LinePoint& start, const LinePoint& a, double ceiling) const {
    return a.value <= ceiling && a.slope <= (2.0 * c1 - 1.0) * start.slope &&
           a.slope >= c2 * start.slope;
  }
};

enum class Step {
  strong_wolfe,
  approximate_wolfe,
  decrease,  // the budget ended at a point that is lower, but not flat enough
  none,
};

struct LineSearchResult {
  LinePoint point;
  Step step;
};

// Minimiser of the cubic through the values and slopes of two points, kept away from both ends;
// the middle where the cubic has none, and close to `lo` where f is infinite at `hi`.
inline double interpolate(const LinePoint& lo, const LinePoint& hi) {
  const double width = hi.alpha - lo.alpha;
  if (!std::isfinite(hi.value)) return lo.alpha + 0.1 * width;
  const double d1 = lo.slope + hi.slope - 3.0 * (hi.value - lo.value) / width;
  const double d2 = std::copysign(std::sqrt(d1 * d1 - lo.slope * hi.slope), width);
  const double t = 1.0 - (hi.slope + d2 - d1) / (hi.slope - lo.slope + 2.0 * d2);
  return lo.alpha + (std::isfinite(t) ? std::clamp(t, 0.1, 0.9) : 0.5) * width;
}

// Algorithm 3.6: `lo` is the lowest point so far that decreases enough, and its slope points to `hi`.
// Ends without success when values that differ by `resolution` cannot tell the two ends apart.
template <class Phi>
LineSearchResult zoom(Phi&& phi, const LinePoint& start, LinePoint lo, LinePoint hi,
                      const WolfeConditions& wolfe, double ceiling, double resolution,
                      int evaluations) {
  for (int i = 0; i < evaluations; ++i) {
    const double width = hi.alpha - lo.alpha;
    if (std::abs(width * lo.slope) <= resolution) break;
    // a cubic may creep along one end: every third time the interval is halved
    const double alpha = i % 3 == 2 ? lo.alpha + 0.5 * width : interpolate(lo, hi);
    if (alpha == lo.alpha || alpha == hi.alpha) break;
    const LinePoint a = phi(alpha);
    if (wolfe.strong(start, a)) return {a, Step::strong_wolfe};
    if (wolfe.approximate(start, a, ceiling)) return {a, Step::approximate_wolfe};
    if (!wolfe.decrease(start, a) || a.value >= lo.value) {
      hi = a;
    } else {
      if (a.slope * width >= 0.0) hi = lo;
      lo = a;
    }
  }
  return {lo, lo.alpha > 0.0 ? Step::decrease : Step::none};
}

// Algorithm 3.5. `start` is phi at 0, its slope negative; `first` the first alpha to try; `ceiling`
// the start's value plus its noise, `resolution` what rounding alone makes of it.
template <class Phi>
LineSearchResult strong_wolfe_search(Phi&& phi, const LinePoint& start, double first,
                                     const WolfeConditions& wolfe, double ceiling,
                                     double resolution, int evaluations = 40) {
  LinePoint previous = start;
  double alpha = first;
  for (int i = 0; i < evaluations; ++i) {
    const LinePoint a = phi(alpha);
    if (wolfe.strong(start, a)) return {a, Step::strong_wolfe};
    if (wolfe.approximate(start, a, ceiling)) return {a, Step::approximate_wolfe};
    if (!wolfe.decrease(start, a) || (i > 0 && a.value >= previous.value)) {
      return zoom(phi, start, previous, a, wolfe, ceiling, resolution, evaluations - i);
    }
    if (a.slope >= 0.0) {
      return zoom(phi, start, a, previous, wolfe, ceiling, resolution, evaluations - i);
    }
    // on to where the slope, continued as a line, is zero; at least twice as far, at most tenfold
    const double zero = a.alpha - a.slope * (a.alpha - previous.alpha) / (a.slope - previous.slope);
    alpha =
        a.slope > previous.slope ? std::clamp(zero, 2.0 * a.alpha, 10.0 * a.alpha) : 10.0 * a.alpha;
    previous = a;
  }
  return {previous, previous.alpha > 0.0 ? Step::decrease : Step::none};
}

// A point that meets the approximate Wolfe conditions, by bracketing the zero of the slope (regula
// falsi in the Illinois form: an end that stays counts half the next time).
template <class Phi>
LineSearchResult slope_search(Phi&& phi, const LinePoint& start, double first,
                              const WolfeConditions& wolfe, double ceiling, int evaluations = 30) {
  LinePoint lo = start, hi;
  bool bracketed = false, was_too_far = false;
  double alpha = first;
  for (int i = 0; i < evaluations; ++i) {
    const LinePoint a = phi(alpha);
    if (wolfe.approximate(start, a, ceiling)) return {a, Step::approximate_wolfe};
    const bool too_far = !(a.value <= ceiling) || a.slope >= 0.0;
    (too_far ? hi : lo) = a;
    if (bracketed && too_far == was_too_far) (too_far ? lo : hi).slope *= 0.5;
    was_too_far = too_far;
    bracketed = bracketed || too_far;
    if (!bracketed) {
      alpha *= 5.0;
      continue;
    }
    const bool crossing = hi.slope > 0.0;
    const double t = crossing ? std::clamp(lo.slope / (lo.slope - hi.slope), 0.1, 0.9) : 0.5;
    alpha = lo.alpha + t * (hi.alpha - lo.alpha);
    if (alpha == lo.alpha || alpha == hi.alpha) break;
  }
  return {start, Step::none};
}

// Standard deviation of the noise in values of a smooth function at close and equally spaced points,
// from their differences of higher order, where what is smooth has gone (More and Wild, SIAM J. Sci.
// Comput. 33, 1292, 2011). The least of the orders: a higher one may still hold some smooth part.
constexpr int kNoiseSamples = 9;
inline double noise_level(std::array<double, kNoiseSamples> values) {
  double least = std::numeric_limits<double>::infinity(), gamma = 1.0;
  for (int order = 1; order <= 6; ++order) {
    gamma *= 0.5 * order / (2.0 * order - 1.0);  // (order!)^2 / (2 order)!
    double sum = 0.0;
    const int n = kNoiseSamples - order;
    for (int i = 0; i < n; ++i) {
      values[i] = values[i + 1] - values[i];
      sum += values[i] * values[i];
    }
    if (order >= 2) least = std::min(least, std::sqrt(gamma * sum / n));
  }
  return least;
}

}  // namespace precisekit
