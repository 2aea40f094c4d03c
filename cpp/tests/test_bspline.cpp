// Splines against the recursion of Cox and de Boor in long double.
#include <cfloat>

#include "harness.hpp"
#include "precisekit/interpolate/bspline_calculus.hpp"
#include "precisekit/interpolate/bspline_interpolation.hpp"
#include "precisekit/interpolate/bspline_least_squares.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

// Points whose gaps differ, n of them from -1 to 1.
std::vector<double> uneven(Index n, Random& random) {
  std::vector<double> x(1, 0.0);
  for (Index i = 1; i < n; ++i) x.push_back(x.back() + 1.5 + random());
  const double width = x.back();
  for (double& v : x) v = 2.0 * v / width - 1.0;
  x.back() = 1.0;
  return x;
}

// The nu-th derivatives of all B-splines of degree k at x, half open on the right.
std::vector<long double> reference_basis(const std::vector<double>& t, int k, long double x,
                                         int nu) {
  std::vector<long double> B;
  for (std::size_t i = 0; i + 1 < t.size(); ++i) B.push_back(t[i] <= x && x < t[i + 1]);
  for (int p = 1; p <= k; ++p) {
    for (std::size_t i = 0; i + p + 1 < t.size(); ++i) {
      const long double left = (long double)t[i + p] - t[i];
      const long double right = (long double)t[i + p + 1] - t[i + 1];
      const long double from_left = left > 0 ? B[i] / left : 0.0L;
      const long double from_right = right > 0 ? B[i + 1] / right : 0.0L;
      B[i] = p > k - nu ? p * (from_left - from_right)
                        : (x - t[i]) * from_left + (t[i + p + 1] - x) * from_right;
    }
    B.pop_back();
  }
  return B;
}

// The value of a spline, and the sum of the sizes of its terms.
std::pair<long double, long double> reference_value(const TensorSpline& spline, const double* x,
                                                    const int* nu, Index channel) {
  std::vector<std::vector<long double>> bases;
  for (Index a = 0; a < spline.n_axes(); ++a) {
    const SplineAxis& axis = spline.axes()[a];
    bases.push_back(reference_basis(axis.knots(), axis.degree(), x[a], nu[a]));
  }
  long double sum = 0.0L, size = 0.0L;
  for (Index flat = 0; flat < spline.size() / spline.n_channels(); ++flat) {
    long double product = spline.coefficients()[flat * spline.n_channels() + channel];
    Index rest = flat;
    for (Index a = spline.n_axes() - 1; a >= 0; --a) {
      const Index n = spline.axes()[a].n_coefficients();
      product *= bases[a][rest % n];
      rest /= n;
    }
    sum += product;
    size += std::fabs(product);
  }
  return {sum, size};
}

void check_values(const TensorSpline& spline, const std::vector<int>& nu, Random& random,
                  Index n = 140) {
  const Index d = spline.n_axes(), m = spline.n_channels();
  const Vector X = random.vector(n * d);
  std::vector<double> out(n * m);
  spline.evaluate(X.data(), n, nu.data(), {false, std::vector<double>(m, 0.0)}, out.data());
  for (Index s = 0; s < n; s += 13) {
    for (Index o = 0; o < m; ++o) {
      const auto [value, size] = reference_value(spline, X.data() + s * d, nu.data(), o);
      CHECK_CLOSE(out[s * m + o], value, 64 * DBL_EPSILON * size);
    }
  }
}

TensorSpline random_spline(const std::vector<int>& degrees, Boundary boundary, Index n_channels,
                           Random& random) {
  std::vector<SplineAxis> axes;
  Index size = n_channels;
  for (const int k : degrees) {
    const std::vector<double> x = uneven(k + 3, random);
    axes.push_back(interpolation_axis(x.data(), Index(x.size()), k, boundary));
    size *= axes.back().n_coefficients();
  }
  const Vector c = random.vector(size);
  return TensorSpline(std::move(axes), c.data(), size, n_channels);
}

}  // namespace

TEST(bspline_values_and_derivatives_of_every_degree) {
  Random random(1);
  for (int k = 1; k <= 9; ++k) {
    for (const Boundary boundary :
         {Boundary::not_a_knot, Boundary::natural, Boundary::clamped, Boundary::periodic}) {
      const TensorSpline line = random_spline({k}, boundary, 1, random);
      for (int nu = 0; nu <= k; ++nu) check_values(line, {nu}, random);
      check_values(random_spline({k}, boundary, 3, random), {1}, random);
      check_values(random_spline({k, 10 - k}, boundary, 1, random), {0, 0}, random);
    }
    check_values(random_spline({k, 3}, Boundary::natural, 1, random), {k, 1}, random);
  }
}

TEST(bspline_of_many_axes_and_channels) {
  Random random(2);
  for (const Index m : {1, 2, 4, 5, 9}) {
    check_values(random_spline({3, 4, 2}, Boundary::not_a_knot, m, random), {1, 0, 2}, random);
  }
  check_values(random_spline({1, 2, 1, 3}, Boundary::clamped, 1, random), {0, 1, 0, 2}, random);
  check_values(random_spline({2, 1, 1, 2, 1, 1}, Boundary::not_a_knot, 1, random),
               {1, 0, 0, 0, 1, 0}, random, 40);
  check_values(random_spline({2, 1, 1, 2, 1, 1}, Boundary::not_a_knot, 2, random),
               {0, 0, 0, 0, 0, 0}, random, 40);
}

TEST(bspline_interpolates) {
  Random random(3);
  for (int k = 1; k <= 9; ++k) {
    for (const Boundary boundary :
         {Boundary::not_a_knot, Boundary::natural, Boundary::clamped, Boundary::periodic}) {
      const Index nx = std::max<Index>(fewest_points(k, boundary), 6), ny = nx + 5;
      const auto x = uneven(nx, random), y = uneven(ny, random);
      Vector values = random.vector(nx * ny * 2);
      if (boundary == Boundary::periodic) {
        for (Index i = 0; i < nx; ++i) {
          for (Index o = 0; o < 2; ++o) {
            values[(i * ny + ny - 1) * 2 + o] = values[i * ny * 2 + o];
          }
        }
        values.tail(ny * 2) = values.head(ny * 2);
      }
      const TensorSpline s = interpolate_spline({x.data(), y.data()}, {nx, ny}, {k, k},
                                                {boundary, boundary}, values.data(), 2);
      const int nu[2] = {0, 0};
      double largest = 1.0;
      for (Index i = 0; i < s.size(); ++i) {
        largest = std::max(largest, std::fabs(s.coefficients()[i]));
      }
      for (Index i = 0; i < nx; i += 2) {
        for (Index j = 0; j < ny; j += 3) {
          const double at[2] = {x[i], y[j]};
          double out[2];
          s.evaluate(at, 1, nu, {false, {0.0, 0.0}}, out);
          for (Index o = 0; o < 2; ++o) {
            CHECK_CLOSE(out[o], values[(i * ny + j) * 2 + o], 1e-13 * largest);
          }
        }
      }
    }
  }
}

TEST(bspline_derivative_and_antiderivative_are_splines) {
  Random random(4);
  for (int k = 1; k <= 9; ++k) {
    const TensorSpline s = random_spline({k}, Boundary::clamped, 2, random);
    const TensorSpline integral = antiderivative(s), back = derivative(integral, {1});
    CHECK(integral.axes()[0].degree() == k + 1);
    CHECK(back.size() == s.size());
    for (Index i = 0; i < s.size(); ++i) {
      CHECK_CLOSE(back.coefficients()[i], s.coefficients()[i], 1e-13);
    }
    const TensorSpline t = random_spline({k, 4}, Boundary::periodic, 1, random);
    const TensorSpline mixed = derivative(t, {1, 2});
    const Vector X = random.vector(40);
    const int nu[2] = {1, 2}, none[2] = {0, 0};
    double direct[20], spline[20];
    t.evaluate(X.data(), 20, nu, {false, {0.0}}, direct);
    mixed.evaluate(X.data(), 20, none, {false, {0.0}}, spline);
    for (int i = 0; i < 20; ++i) {
      const auto size = reference_value(t, X.data() + 2 * i, nu, 0).second;
      CHECK_CLOSE(direct[i], spline[i], 64 * DBL_EPSILON * size + 1e-12L);
    }
  }
}

TEST(bspline_zeros) {
  // (x + 1/2) (x - 1/4)^2 (x - 1/4 - 1/1024): a touching zero is not asked for
  std::vector<double> x, y;
  for (int i = 0; i <= 16; ++i) {
    x.push_back(-1.0 + i / 8.0);
    y.push_back((x.back() + 0.5) * (x.back() - 0.25) * (x.back() - 0.2509765625));
  }
  const auto s = interpolate_spline({x.data()}, {17}, {3}, {Boundary::not_a_knot}, y.data(), 1);
  const std::vector<double> found = zeros(s);
  CHECK(found.size() == 3);
  if (found.size() == 3) {
    CHECK_CLOSE(found[0], -0.5, 1e-15);
    CHECK_CLOSE(found[1], 0.25, 1e-12);
    CHECK_CLOSE(found[2], 0.2509765625, 1e-12);
  }
}

TEST(bspline_least_squares_finds_a_spline_again) {
  Random random(5);
  const TensorSpline truth = random_spline({3, 2}, Boundary::not_a_knot, 2, random);
  const Index n = 400;
  const Vector X = random.vector(2 * n), weight = Vector::Ones(n);
  std::vector<double> Y(2 * n);
  const int nu[2] = {0, 0};
  truth.evaluate(X.data(), n, nu, {false, {0.0, 0.0}}, Y.data());
  const TensorSpline s =
      SplineLeastSquares(truth.axes(), 2).fit(X.data(), Y.data(), weight.data(), n);
  for (Index i = 0; i < s.size(); ++i) {
    CHECK_CLOSE(s.coefficients()[i], truth.coefficients()[i], 1e-10);
  }
}

TEST(banded_systems_against_dense_ones) {
  Random random(6);
  using Wide = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
  for (const Index n : {1, 2, 9, 30}) {
    const Index lower = std::min<Index>(3, n - 1), upper = std::min<Index>(2, n - 1);
    BandedLu<long double> lu(n, lower, upper);
    Wide A = Wide::Zero(n, n);
    for (Index i = 0; i < n; ++i) {
      for (Index j = std::max<Index>(0, i - lower); j <= std::min(n - 1, i + upper); ++j) {
        lu(i, j) = A(i, j) = random();  // no weight on the diagonal: rows change places
      }
    }
    const Index border = std::min<Index>(2, n);
    BorderedBandedLu<long double> ring(n, 1, 1, border);
    Wide C = Wide::Zero(n, n);
    for (Index i = 0; i < n; ++i) {
      for (Index j = i - 1; j <= i + 1; ++j) {
        const long double value = random() + (i == j ? 4.0 : 0.0);
        C(i, (j + n) % n) += value;
        ring.add(i, (j + n) % n, value);
      }
    }
    Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> X(n, 3), B, D;
    for (Index i = 0; i < X.size(); ++i) X.data()[i] = random();
    B = A * X;
    D = C * X;
    lu.factor();
    ring.factor();
    lu.solve(B.data(), 3);
    ring.solve(D.data(), 3);
    for (Index i = 0; i < X.size(); ++i) {
      CHECK_CLOSE(B.data()[i], X.data()[i], 1e-13L);
      CHECK_CLOSE(D.data()[i], X.data()[i], 1e-16L);
    }
  }
  BandedLu<long double> singular(2, 1, 1);
  singular(0, 0) = singular(1, 0) = 1;
  CHECK_THROWS(singular.factor(), std::domain_error);
}

TEST(table_buffers_hold_what_is_written) {
  for (const Index size : {Index(0), Index(1), Index(1000), Index(1) << 20}) {
    Buffer table = table_buffer(size);
    CHECK(table.size() == size);
    std::fill_n(table.data(), size, 3.0);
    CHECK(std::count(table.data(), table.data() + size, 3.0) == size);
  }
}

TEST(bspline_refuses_what_does_not_fit) {
  const std::vector<double> x{0, 1, 2, 3};
  CHECK_THROWS(interpolation_axis(x.data(), 4, 4, Boundary::not_a_knot), std::invalid_argument);
  CHECK_THROWS(SplineAxis({0, 0, 1, 2, 2}, 16, 0, 2, false), std::invalid_argument);
  CHECK_THROWS(SplineAxis({0, 0, 2, 1, 2}, 1, 0, 2, false), std::invalid_argument);
  CHECK_THROWS(SplineAxis({0, 0, 1, 1, 2, 2}, 1, 0, 2, false), std::invalid_argument);
  CHECK_THROWS(SplineAxis({0, 0, 1, 2, 2}, 1, 0, 3, false), std::invalid_argument);
  CHECK_THROWS(SplineAxis({0, 0, NAN, 2, 2}, 1, 0, 2, false), std::invalid_argument);
  const SplineAxis axis({0, 0, 1, 2, 2}, 1, 0, 2, false);
  const double c[9] = {};
  CHECK_THROWS(TensorSpline({axis}, c, 4, 1), std::invalid_argument);
  CHECK_THROWS(TensorSpline({}, c, 1, 1), std::invalid_argument);
  CHECK_THROWS(antiderivative(TensorSpline({axis, axis}, c, 9, 1)), std::invalid_argument);
  CHECK_THROWS(zeros(TensorSpline({axis, axis}, c, 9, 1)), std::invalid_argument);
}
