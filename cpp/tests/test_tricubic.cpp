// Tricubic interpolation: exact for cubics, on any spacing, and at the nodes.
#include "precisekit/interpolate/tricubic.hpp"

#include <random>

#include "harness.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

const double kX[] = {0, 0.5, 1.5, 2, 4, 5}, kY[] = {-1, 0, 1, 3}, kZ[] = {0, 0.1, 0.2, 1, 2};

template <class Real>
Real cubic(Real x, Real y, Real z) {
  return (1 + x - x * x * x / 8) * (2 + y * y * y - y) * (z * z * z - z * z + 3);
}

Vector vector(const double* values, Index n) { return Eigen::Map<const Vector>(values, n); }

Tricubic interpolant() {
  std::vector<double> values;
  for (const double x : kX) {
    for (const double y : kY) {
      for (const double z : kZ) values.push_back(cubic(x, y, z));
    }
  }
  const Vector x = vector(kX, 6), y = vector(kY, 4), z = vector(kZ, 5);
  return Tricubic({x, y, z}, values.data());
}

}  // namespace

TEST(tricubic_is_exact_for_cubics) {
  const Tricubic f = interpolant();
  std::mt19937_64 random(1);
  std::vector<double> X;
  const Index n = 5000;  // more than a task
  for (Index s = 0; s < n; ++s) {
    X.push_back(std::uniform_real_distribution<double>(0, 5)(random));
    X.push_back(std::uniform_real_distribution<double>(-1, 3)(random));
    X.push_back(std::uniform_real_distribution<double>(0, 2)(random));
  }
  std::vector<double> y(n), gradient(3 * n);
  f.evaluate(n, X.data(), y.data());
  f.gradient(n, X.data(), gradient.data());
  for (Index s = 0; s < n; ++s) {
    const double* x = X.data() + 3 * s;
    CHECK_CLOSE(y[s], cubic<long double>(x[0], x[1], x[2]), 1e-11);
    const long double h = 1e-4L;
    const long double slope =
        (cubic<long double>(x[0], x[1] + h, x[2]) - cubic<long double>(x[0], x[1] - h, x[2])) /
        (2 * h);
    CHECK_CLOSE(gradient[3 * s + 1], slope, 1e-5);
  }
}

TEST(tricubic_is_exact_at_the_nodes) {
  const Tricubic f = interpolant();
  for (const double x : kX) {
    for (const double y : kY) {
      for (const double z : kZ) {
        const double X[] = {x, y, z};
        double value;
        f.evaluate(1, X, &value);
        CHECK(value == cubic(x, y, z));
      }
    }
  }
}

TEST(tricubic_points_outside_are_nan) {
  const Tricubic f = interpolant();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double X[] = {-0.1, 0, 0, 0, 3.1, 0, 0, 0, nan};
  double y[3], gradient[9];
  f.evaluate(3, X, y);
  f.gradient(3, X, gradient);
  for (const double value : y) CHECK(std::isnan(value));
  for (const double value : gradient) CHECK(std::isnan(value));
}

TEST(grid_axis_finds_cells) {
  const Vector nodes = vector(kX, 6);
  const GridAxis axis(nodes);
  for (Index i = 0; i < 5; ++i) {
    CHECK(axis.cell(kX[i]) == i);
    CHECK(axis.cell(std::nextafter(kX[i + 1], 0.0)) == i);
  }
  CHECK(axis.cell(5) == 4);
}

TEST(tricubic_rejects_bad_axes) {
  const double short_axis[] = {0, 1, 2}, repeated[] = {0, 1, 1, 2};
  const Vector three = vector(short_axis, 3), same = vector(repeated, 4);
  CHECK_THROWS(GridAxis{three}, std::invalid_argument);
  CHECK_THROWS(GridAxis{same}, std::invalid_argument);
}
