// The truth that the headers are held against: networks in long double, on truncated Taylor series,
// with algorithms other than those of the library. Order 1 gives derivatives.
#pragma once

#include <random>
#include <vector>

#include "precisekit/network/mlp.hpp"

namespace precisekit::testing {

using Series = std::vector<long double>;  // coefficients from order 0

inline Series multiply(const Series& x, const Series& y) {
  Series product(x.size(), 0.0L);
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; i + j < x.size(); ++j) product[i + j] += x[i] * y[j];
  }
  return product;
}

// Derivatives 0 to `order` of a function with s' = q(s), where q is a polynomial: each derivative is
// a polynomial in s, and p(s)' = p'(s) q(s).
inline Series derivatives_of_polynomial_flow(long double s, const Series& q, std::size_t order) {
  Series p{0.0L, 1.0L}, values;
  for (std::size_t n = 0; n <= order; ++n) {
    long double value = 0.0L;
    for (std::size_t i = p.size(); i-- > 0;) value = value * s + p[i];
    values.push_back(value);
    Series next(p.size() - 1 + q.size() - 1 + 1, 0.0L);
    for (std::size_t i = 1; i < p.size(); ++i) {
      for (std::size_t j = 0; j < q.size(); ++j) next[i - 1 + j] += (long double)i * p[i] * q[j];
    }
    p = next;
  }
  return values;
}

// Derivatives 0 to `order` of z Phi(z), by Leibniz; those of the density are Hermite polynomials.
inline Series gelu_derivatives(long double z, std::size_t order) {
  const long double density = std::exp(-0.5L * z * z) / std::sqrt(8.0L * std::atan(1.0L));
  Series hermite{1.0L, z};
  for (std::size_t n = 1; n < order; ++n) {
    hermite.push_back(z * hermite[n] - (long double)n * hermite[n - 1]);
  }
  Series cdf{0.5L * std::erfc(-z / std::sqrt(2.0L))}, values;
  for (std::size_t n = 1; n <= order; ++n) {
    cdf.push_back((n % 2 == 1 ? 1.0L : -1.0L) * hermite[n - 1] * density);
  }
  for (std::size_t n = 0; n <= order; ++n) {
    values.push_back(z * cdf[n] + (n > 0 ? (long double)n * cdf[n - 1] : 0.0L));
  }
  return values;
}

// Derivatives 0 to `order` of an activation at z.
inline Series activation_derivatives(Activation activation, long double z, std::size_t order) {
  Series d(order + 1, 0.0L);
  switch (activation) {
    case Activation::tanh:
      return derivatives_of_polynomial_flow(std::tanh(z), {1.0L, 0.0L, -1.0L}, order);
    case Activation::sigmoid:
      return derivatives_of_polynomial_flow(1.0L / (1.0L + std::exp(-z)), {0.0L, 1.0L, -1.0L},
                                            order);
    case Activation::sin:
      for (std::size_t n = 0; n <= order; ++n) {
        const long double value = n % 2 == 0 ? std::sin(z) : std::cos(z);
        d[n] = n % 4 < 2 ? value : -value;
      }
      return d;
    case Activation::gelu: return gelu_derivatives(z, order);
    case Activation::relu:
      d[0] = std::max(z, 0.0L);
      if (order > 0) d[1] = z > 0.0L ? 1.0L : 0.0L;
      return d;
    case Activation::identity:
      d[0] = z;
      if (order > 0) d[1] = 1.0L;
      return d;
  }
  return d;
}

// sigma(z(t)): the Taylor polynomial of sigma at z(0), composed with z(t) - z(0).
inline Series compose(Activation activation, Series z) {
  const std::size_t order = z.size() - 1;
  Series taylor = activation_derivatives(activation, z[0], order);
  long double factorial = 1.0L;
  for (std::size_t n = 1; n <= order; ++n) taylor[n] /= factorial *= (long double)n;
  z[0] = 0.0L;
  Series result(order + 1, 0.0L);
  for (std::size_t n = order + 1; n-- > 0;) {
    result = multiply(result, z);
    result[0] += taylor[n];
  }
  return result;
}

// The outputs at x for parameters that are series.
inline std::vector<Series> reference_forward(const Mlp& net, const std::vector<Series>& theta,
                                             const double* x) {
  const std::size_t size = theta[0].size();
  std::vector<Series> a(net.n_inputs(), Series(size, 0.0L));
  for (Index k = 0; k < net.n_inputs(); ++k) a[k][0] = x[k];
  const std::vector<Series> inputs = a;
  std::vector<Series> first;  // unit of each layer
  for (const Layer& layer : net.layers()) {
    if (!layer.wires.empty()) a.clear();
    for (const Wire& wire : layer.wires) {
      a.push_back(wire.from_inputs() ? inputs[wire.unit] : first[wire.layer]);
    }
    std::vector<Series> next;
    for (Index i = 0; i < layer.n_out; ++i) {
      Series z = theta[layer.bias_offset() + i];
      for (Index k = 0; k < layer.n_in; ++k) {
        const Series term = multiply(theta[layer.offset + i * layer.n_in + k], a[k]);
        for (std::size_t n = 0; n < size; ++n) z[n] += term[n];
      }
      next.push_back(z);
    }
    for (const UnitGroup& group : layer.groups) {
      for (Index i = group.first; i < group.first + group.count; ++i) {
        next[i] = compose(group.activation, next[i]);
      }
    }
    a = next;
    first.push_back(a[0]);
  }
  return a;
}

// theta + directions[0] t + directions[1] t^2 + ..., to the given order.
inline std::vector<Series> curve(const Vector& theta, const std::vector<Vector>& directions,
                                 int order) {
  std::vector<Series> series;
  for (Index p = 0; p < theta.size(); ++p) {
    series.emplace_back(order + 1, 0.0L);
    series.back()[0] = theta[p];
    for (std::size_t k = 0; k < directions.size(); ++k) series.back()[k + 1] = directions[k][p];
  }
  return series;
}

// Random numbers on (-1, 1), the same on every machine.
class Random {
 public:
  explicit Random(Index seed) : engine_(unsigned(seed)) {}
  double operator()() { return 2.0 * (double(engine_()) + 0.5) / 4294967296.0 - 1.0; }
  Vector vector(Index n, double scale = 1.0) {
    Vector v(n);
    for (Index i = 0; i < n; ++i) v[i] = scale * (*this)();
    return v;
  }
  Matrix matrix(Index rows, Index cols) {
    Matrix M(rows, cols);
    for (Index i = 0; i < M.size(); ++i) M.data()[i] = (*this)();
    return M;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace precisekit::testing
