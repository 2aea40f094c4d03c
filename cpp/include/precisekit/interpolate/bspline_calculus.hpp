// Derivatives and the antiderivative of a spline, as splines (de Boor, A Practical Guide to Splines,
// chapter X), and its zeros.
#pragma once

#include <array>
#include <utility>

#include "precisekit/interpolate/bspline.hpp"

namespace precisekit {

// The derivative of orders nu, one for each axis. Of an order above the degree: zero, of degree 0.
inline TensorSpline derivative(const TensorSpline& spline, const std::vector<int>& nu) {
  std::vector<SplineAxis> axes;
  std::vector<Extended> c(spline.coefficients(), spline.coefficients() + spline.size());
  for (Index a = 0; a < spline.n_axes(); ++a) {
    const SplineAxis& axis = spline.axes()[a];
    Index n = axis.n_coefficients(), inner = spline.n_channels();
    for (Index b = a + 1; b < spline.n_axes(); ++b) inner *= spline.axes()[b].n_coefficients();
    std::vector<double> t = axis.knots();
    int k = axis.degree();
    for (int order = 0; order < nu[a]; ++order) {
      if (k == 0) {
        std::fill(c.begin(), c.end(), Extended(0));
        break;
      }
      std::vector<Extended> difference;
      difference.reserve(c.size());
      for (Index outer = 0; outer < Index(c.size()) / (n * inner); ++outer) {
        for (Index i = 0; i + 1 < n; ++i) {
          const Extended per_knots = k / (Extended(t[i + k + 1]) - t[i + 1]);
          const Extended* from = c.data() + (outer * n + i) * inner;
          for (Index r = 0; r < inner; ++r) {
            difference.push_back(per_knots * (from[r + inner] - from[r]));
          }
        }
      }
      c.swap(difference);
      t.erase(t.begin());
      t.pop_back();
      --k;
      --n;
    }
    axes.emplace_back(std::move(t), k, axis.low(), axis.high(), axis.periodic());
  }
  const std::vector<double> rounded(c.begin(), c.end());
  return TensorSpline(std::move(axes), rounded.data(), Index(rounded.size()), spline.n_channels());
}

// The antiderivative of a spline of one axis that is zero at the lower end of its domain; that of a
// periodic one is not periodic.
// Throws std::invalid_argument for several axes or a degree of kMaxPolynomialDegree.
inline TensorSpline antiderivative(const TensorSpline& spline) {
  if (spline.n_axes() != 1) {
    throw std::invalid_argument("the antiderivative is that of splines of one axis");
  }
  const SplineAxis& axis = spline.axes()[0];
  const Index n = axis.n_coefficients(), m = spline.n_channels();
  const int k = axis.degree();
  std::vector<double> t = axis.knots();
  std::vector<Extended> c((n + 1) * m, Extended(0));
  for (Index i = 0; i < n; ++i) {
    const Extended width = (Extended(t[i + k + 1]) - t[i]) / (k + 1);
    for (Index o = 0; o < m; ++o) {
      c[(i + 1) * m + o] = c[i * m + o] + width * spline.coefficients()[i * m + o];
    }
  }
  t.insert(t.begin(), t.front());
  t.push_back(t.back());
  SplineAxis integrated(std::move(t), k + 1, axis.low(), axis.high(), false);
  const Index span = integrated.span(0);
  const BasisTriangle basis(integrated.knots().data(), k + 1, span, axis.low());
  std::vector<double> rounded(c.size());
  for (Index o = 0; o < m; ++o) {
    Extended at_low = 0;
    for (int j = 0; j <= k + 1; ++j)
      at_low += basis.value[k + 1][j] * c[(span - k - 1 + j) * m + o];
    for (Index i = 0; i <= n; ++i) rounded[i * m + o] = double(c[i * m + o] - at_low);
  }
  return TensorSpline({integrated}, rounded.data(), Index(rounded.size()), m);
}

// The zeros of a polynomial in Bernstein form on (0, 1), ascending: by Descartes' rule of signs, which
// bounds their number by that of the sign changes of the coefficients, and halving.
class BernsteinZeros {
 public:
  using Coefficients = std::array<Extended, kMaxPolynomialDegree + 1>;

  // `noise`: a part of the interval where no coefficient is larger counts as one zero.
  BernsteinZeros(int degree, Extended noise, std::vector<Extended>& zeros)
      : degree_(degree), noise_(noise), zeros_(&zeros) {}

  void find(const Coefficients& b, Extended low, Extended high) {
    const int changes = sign_changes(b);
    if (changes == 0) return;
    if (changes == 1) {
      zeros_->push_back(low + (high - low) * bracketed_zero(b));
      return;
    }
    Extended largest = 0;
    for (int j = 0; j <= degree_; ++j) largest = std::max(largest, std::fabs(b[j]));
    const Extended middle = (low + high) / 2;
    if (largest <= noise_ || middle <= low || middle >= high) {
      zeros_->push_back(middle);
      return;
    }
    Coefficients left, right = b;
    for (int r = 0; r <= degree_; ++r) {
      left[r] = right[0];
      for (int j = 0; j < degree_ - r; ++j) right[j] = (right[j] + right[j + 1]) / 2;
    }
    // de Casteljau leaves the right half's coefficients in place
    find(left, low, middle);
    if (right[0] == 0) zeros_->push_back(middle);
    find(right, middle, high);
  }

 private:
  static int sign(Extended x) { return (x > 0) - (x < 0); }

  int sign_changes(const Coefficients& b) const {
    int changes = 0, last = 0;
    for (int j = 0; j <= degree_; ++j) {
      const int s = sign(b[j]);
      if (s == 0) continue;
      changes += last != 0 && s != last;
      last = s;
    }
    return changes;
  }

  Extended value(const Coefficients& b, Extended u) const {
    Coefficients c = b;
    for (int r = degree_; r > 0; --r) {
      for (int j = 0; j < r; ++j) c[j] += u * (c[j + 1] - c[j]);
    }
    return c[0];
  }

  // The one zero, where the sign changes: regula falsi (Illinois) kept to the bracket's inner part.
  Extended bracketed_zero(const Coefficients& b) const {
    Extended low = 0, high = 1, f_low = b[0], f_high = b[degree_];
    int sign_low = 0;
    for (int j = 0; sign_low == 0; ++j) sign_low = sign(b[j]);
    for (int iteration = 0; iteration < 200; ++iteration) {
      Extended u = (low + high) / 2;
      if (iteration % 3 != 0 && f_low != f_high) {
        const Extended secant = low - f_low * (high - low) / (f_high - f_low);
        if (secant > low && secant < high) u = secant;
      }
      if (!(u > low && u < high)) break;
      const Extended f = value(b, u);
      if (f == 0) return u;
      if (sign(f) == sign_low) {
        low = u;
        f_low = f;
        f_high /= 2;
      } else {
        high = u;
        f_high = f;
        f_low /= 2;
      }
    }
    return (low + high) / 2;
  }

  int degree_;
  Extended noise_;
  std::vector<Extended>* zeros_;
};

// The zeros of a spline of one axis and one channel in its domain, ascending. A piece that vanishes
// identically gives its lower end, followed by NaN (as SciPy's PPoly.roots). Where a spline touches
// zero without crossing it, rounding decides whether there is a zero.
// Throws std::invalid_argument for several axes or channels, or degree 0.
inline std::vector<double> zeros(const TensorSpline& spline) {
  if (spline.n_axes() != 1 || spline.n_channels() != 1) {
    throw std::invalid_argument("roots are those of splines of one axis and one channel");
  }
  const SplineAxis& axis = spline.axes()[0];
  const int k = axis.degree();
  if (k == 0) throw std::invalid_argument("a spline of degree 0 jumps over its roots");

  const Index n = axis.n_pieces();
  Extended largest = 0;
  for (Index i = 0; i < spline.size(); ++i) {
    largest = std::max(largest, std::fabs(Extended(spline.coefficients()[i])));
  }
  const Extended noise = 4 * std::numeric_limits<double>::epsilon() * largest;

  std::vector<BernsteinZeros::Coefficients> pieces(n);
  for (Index piece = 0; piece < n; ++piece) {
    // From powers of u = (x - low) / width: b_j = sum_r C(j, r) / C(k, r) a_r.
    const Index i = axis.span(piece);
    const double* t = axis.knots().data();
    Extended c[kMaxPolynomialDegree + 1], a[kMaxPolynomialDegree + 1];
    for (int j = 0; j <= k; ++j) c[j] = spline.coefficients()[i - k + j];
    span_polynomial(t, k, i, BasisTriangle(t, k, i, axis.breaks()[piece]), axis.width(piece), c, a);
    for (int j = 0; j <= k; ++j) {
      Extended ratio = 1, sum = 0;
      for (int r = 0; r <= j; ++r) {
        sum += ratio * a[r];
        ratio *= Extended(j - r) / Extended(k - r);
      }
      pieces[piece][j] = sum;
    }
    // Continuous to the last bit: a zero at a break is in neither piece, or in one.
    if (piece > 0) pieces[piece - 1][k] = pieces[piece][0];
  }
  // Rounding must not push a zero at an end of the domain out of it.
  for (Extended* end : {&pieces[0][0], &pieces[n - 1][k]}) {
    if (std::fabs(*end) <= noise) *end = 0;
  }

  std::vector<double> found;
  for (Index piece = 0; piece < n; ++piece) {
    const double low = axis.breaks()[piece];
    const auto& b = pieces[piece];
    bool vanishes = true;
    for (int j = 0; j <= k; ++j) vanishes = vanishes && b[j] == 0;
    if (b[0] == 0) found.push_back(low);
    if (vanishes) {
      found.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    std::vector<Extended> inside;
    BernsteinZeros(k, noise, inside).find(b, 0, 1);
    for (const Extended u : inside) found.push_back(double(low + u * axis.width(piece)));
  }
  if (pieces[n - 1][k] == 0 && !axis.periodic() &&
      !std::isnan(found.empty() ? 0.0 : found.back())) {
    found.push_back(axis.high());
  }
  return found;
}

}  // namespace precisekit
