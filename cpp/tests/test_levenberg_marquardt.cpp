// Levenberg-Marquardt: the damped triangle against normal equations, differences against exact
// derivatives, Anderson's acceleration on a linear map, known minima, and every way to stop.
#include "precisekit/optimize/levenberg_marquardt.hpp"

#include <functional>

#include "harness.hpp"
#include "precisekit/optimize/differences.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

using Stop = LevenbergMarquardtStop;

struct Rosenbrock {
  void operator()(const Vector& x, Vector& r) const {
    r = Vector{{10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]}};
  }
};

// b0 exp(-b1 t) against data that no b meets: x is known to half its digits from values alone.
struct Decay {
  void operator()(const Vector& b, Vector& r) const {
    r.resize(8);
    for (Index i = 0; i < 8; ++i) {
      const double t = 0.5 * double(i), wave = 0.3 * std::cos(3.0 * t);
      r[i] = b[0] * std::exp(-b[1] * t) - (std::exp(-t) + wave);
    }
  }
};

struct DecayJacobian {
  template <class Residual>
  void operator()(Residual&&, const Vector& b, const Vector& r, Matrix& J) const {
    J.resize(r.size(), 2);
    for (Index i = 0; i < r.size(); ++i) {
      const double t = 0.5 * double(i);
      J(i, 0) = std::exp(-b[1] * t);
      J(i, 1) = -b[0] * t * std::exp(-b[1] * t);
    }
  }
  bool sharpen() const { return false; }
};

// One type for all residuals, so that the solver is compiled once and not for each.
using Residual = std::function<void(const Vector&, Vector&)>;

template <class Jacobian>
LevenbergMarquardtResult run(Residual residual, Jacobian jacobian, const Vector& start,
                             const LevenbergMarquardtOptions& options = {},
                             const LevenbergMarquardtHooks& hooks = {}) {
  LevenbergMarquardt<Residual, Jacobian> solver(residual, jacobian, options);
  return solver.minimize(start, hooks);
}

const DifferenceJacobian kAutomatic(Differences::automatic);
const Vector kStart = Vector{{-1.2, 1.0}};

Matrix some_triangle() {
  Matrix R(3, 3);
  R << 2.0, -1.0, 0.5, 0.0, 0.3, 1.0, 0.0, 0.0, 1e-3;
  return R;
}

}  // namespace

TEST(damped_triangle_solves_the_normal_equations) {
  const Matrix R = some_triangle();
  const Vector q = Vector{{1.0, -2.0, 0.7}};
  DampedTriangle triangle(R);
  triangle.set_damping(0.01);
  const Matrix normal = R.transpose() * R + 0.01 * Matrix::Identity(3, 3);
  CHECK_CLOSE((normal * triangle.solve(q) + R.transpose() * q).norm(), 0.0, 1e-14);
}

TEST(damped_triangle_finds_the_damping_of_a_radius) {
  const Vector q = Vector{{1.0, -2.0, 0.7}};
  for (const double radius : {1e-6, 1e-2, 1.0, 100.0}) {
    DampedTriangle triangle(some_triangle());
    double lambda = 0.0;
    const Vector z = triangle.solve_within(radius, q, lambda);
    CHECK_CLOSE(z.norm() / radius, 1.0, 0.1);
    triangle.set_damping(lambda);
    CHECK_CLOSE((triangle.solve(q) - z).norm(), 0.0, 1e-12 * z.norm());
  }
  DampedTriangle triangle(some_triangle());
  double lambda = 1.0;
  const Vector newton = triangle.solve_within(1e6, q, lambda);
  CHECK_CLOSE((some_triangle().triangularView<Eigen::Upper>() * newton + q).norm(), 0.0, 1e-12);
  CHECK(lambda == triangle.least_damping());
}

TEST(damped_triangle_bears_a_singular_matrix) {
  Matrix R = Matrix::Zero(3, 3);
  R(0, 0) = 1.0;
  DampedTriangle triangle(R);
  double lambda = 0.0;
  const Vector z = triangle.solve_within(10.0, Vector::Ones(3), lambda);
  CHECK_CLOSE(z[0], -1.0, 1e-12);
  CHECK_CLOSE(z.tail(2).norm(), 0.0, 1e-12);
  DampedTriangle nothing(Matrix::Zero(2, 2));
  CHECK(nothing.solve_within(10.0, Vector::Zero(2), lambda).isZero(0.0));
}

TEST(differences_have_the_digits_they_promise) {
  const Vector b = Vector{{1.3, 0.4}};
  Vector r;
  Decay{}(b, r);
  Matrix exact, J;
  DecayJacobian{}(Decay{}, b, r, exact);
  const Residual decay = Decay{};
  DifferenceJacobian forward(Differences::forward), central(Differences::central),
      automatic(Differences::automatic);
  CHECK(!forward.sharpen() && !central.sharpen());
  forward(decay, b, r, J);
  CHECK_CLOSE((J - exact).norm(), 0.0, 1e-7);
  CHECK((J - exact).norm() > 1e-10);
  central(decay, b, r, J);
  CHECK_CLOSE((J - exact).norm(), 0.0, 1e-9);
  CHECK(automatic.sharpen() && !automatic.sharpen());
  for (int again = 0; again < 2; ++again) {
    automatic(decay, b, r, J);
    CHECK_CLOSE((J - exact).norm(), 0.0, 2e-12);
    CHECK(automatic.errors().maxCoeff() < 1e-10);
  }
}

TEST(differences_find_the_noise) {
  const Residual noisy = [](const Vector& x, Vector& r) {
    const double noise = 1e-7 * std::sin(1e9 * x[0]);
    r = Vector::Constant(1, std::exp(x[0]) + noise);
  };
  const Vector x = Vector::Constant(1, 1.0);
  Vector r;
  noisy(x, r);
  Matrix J;
  DifferenceJacobian forward(Differences::forward), automatic(Differences::automatic);
  forward(noisy, x, r, J);
  CHECK(std::abs(J(0, 0) - std::exp(1.0)) > 0.1);
  automatic.sharpen();
  automatic(noisy, x, r, J);
  CHECK_CLOSE(J(0, 0), std::exp(1.0), 1e-4);
}

TEST(differences_step_away_from_what_is_not_finite) {
  const Residual root = [](const Vector& x, Vector& r) { r = (1.0 - x.array()).sqrt().matrix(); };
  const Vector x = Vector::Constant(1, 1.0 - 1e-9);
  Vector r;
  root(x, r);
  Matrix J;
  DifferenceJacobian forward(Differences::forward), automatic(Differences::automatic);
  forward(root, x, r, J);
  CHECK(J.allFinite());
  automatic.sharpen();
  automatic(root, x, r, J);
  CHECK_CLOSE(J(0, 0) / (-0.5 / std::sqrt(1e-9)), 1.0, 1e-4);
}

TEST(anderson_solves_a_linear_map) {
  Matrix A(3, 3);
  A << 0.9, 0.1, 0.0, -0.2, 0.8, 0.1, 0.0, 0.3, -0.7;
  const Vector b = Vector{{1.0, 2.0, 3.0}}, scale = Vector::Constant(3, 2.0);
  Vector x = Vector::Zero(3);
  AndersonMemory memory(5);
  for (int i = 0; i < 5; ++i) {
    memory.push(x, A * x + b - x);
    x += memory.step(scale);
  }
  CHECK_CLOSE((A * x + b - x).norm(), 0.0, 1e-12);
}

TEST(levenberg_marquardt_finds_a_zero) {
  for (const bool second_order : {false, true}) {
    LevenbergMarquardtOptions options;
    options.second_order = second_order;
    const auto result = run(Rosenbrock{}, kAutomatic, kStart, options);
    CHECK_CLOSE((result.x - Vector::Ones(2)).norm(), 0.0, 1e-15);
    CHECK(result.evaluations < 150);
  }
}

TEST(levenberg_marquardt_goes_to_the_last_digits) {
  // at the minimum the gradient vanishes: J' r to the rounding of its terms
  const Vector start = Vector{{0.5, 2.0}};
  const auto exact = run(Decay{}, DecayJacobian{}, start);
  const double terms = exact.jacobian.norm() * exact.residual.norm();
  CHECK_CLOSE((exact.jacobian.transpose() * exact.residual).norm() / terms, 0.0, 1e-15);
  const auto differences = run(Decay{}, kAutomatic, start);
  CHECK_CLOSE((differences.x - exact.x).norm(), 0.0, 1e-12);
  const auto forward = run(Decay{}, DifferenceJacobian(Differences::forward), start);
  CHECK((forward.x - exact.x).norm() > (differences.x - exact.x).norm());
}

TEST(levenberg_marquardt_takes_more_variables_than_residuals) {
  const Residual plane = [](const Vector& x, Vector& r) {
    r = Vector::Constant(1, x[0] + 2.0 * x[1] * x[1] - 3.0);
  };
  const auto result = run(plane, kAutomatic, Vector::Ones(2) * 5.0);
  CHECK_CLOSE(result.residual.norm(), 0.0, 1e-14);
}

TEST(levenberg_marquardt_shares_a_tall_jacobian_among_threads) {
  const Residual line = [](const Vector& x, Vector& r) {
    r.resize(15000);
    for (Index i = 0; i < r.size(); ++i) {
      const double t = double(i) / 15000.0;
      r[i] = x[0] + t * x[1] - std::exp(t);
    }
  };
  const auto result = run(line, kAutomatic, Vector::Ones(2));
  CHECK_CLOSE(result.x[0], 4.0 * std::exp(1.0) - 10.0, 1e-3);  // the integral's minimiser
  CHECK_CLOSE((result.jacobian.transpose() * result.residual).norm(), 0.0, 1e-9);
}

TEST(levenberg_marquardt_stops) {
  LevenbergMarquardtOptions options;
  options.max_evaluations = 5;
  CHECK(run(Rosenbrock{}, kAutomatic, kStart, options).reason == Stop::max_evaluations);
  CHECK(run(Rosenbrock{}, kAutomatic, kStart, options).evaluations == 5);
  options = {};
  options.time_limit = 1e-9;
  CHECK(run(Rosenbrock{}, kAutomatic, kStart, options).reason == Stop::time_limit);
  options = {};
  options.gradient_tolerance = 0.9999;
  const auto early = run(Decay{}, DecayJacobian{}, Vector::Ones(2), options);
  CHECK(early.reason == Stop::gradient && early.iterations == 0);
  options = {};
  options.cost_tolerance = 1e-3;
  const auto flat = run(Decay{}, DecayJacobian{}, Vector::Ones(2) * 3.0, options);
  CHECK(flat.reason == Stop::cost);
  options = {};
  options.step_tolerance = 1e-3;
  CHECK(run(Decay{}, DecayJacobian{}, Vector::Ones(2) * 3.0, options).reason == Stop::step);

  LevenbergMarquardtHooks hooks;
  hooks.observe = [](const LevenbergMarquardtProgress& p) { return p.iteration == 1; };
  const auto seen = run(Rosenbrock{}, kAutomatic, kStart, {}, hooks);
  CHECK(seen.reason == Stop::interrupted && seen.iterations == 1);
  CHECK(seen.residual.norm() < 4.9);
  hooks = {};
  hooks.poll = [] { return true; };
  CHECK(run(Rosenbrock{}, kAutomatic, kStart, {}, hooks).reason == Stop::interrupted);
}

TEST(levenberg_marquardt_says_what_is_not_finite) {
  const Residual nowhere = [](const Vector& x, Vector& r) { r = x * NAN; };
  CHECK(run(nowhere, kAutomatic, kStart).reason == Stop::not_finite);
  const Residual here_only = [](const Vector& x, Vector& r) {
    r = x == kStart ? x : Vector(x * NAN);
  };
  const auto result = run(here_only, kAutomatic, kStart);
  CHECK(result.reason == Stop::jacobian_not_finite && result.x == kStart);
  // a wall on the way is met by shorter steps
  const Residual logarithm = [](const Vector& x, Vector& r) { r = x.array().log().matrix(); };
  const auto walled = run(logarithm, kAutomatic, Vector::Constant(1, 20.0));
  CHECK_CLOSE(walled.x[0], 1.0, 1e-15);
}

TEST(levenberg_marquardt_refuses_bad_options) {
  const auto refused = [](auto change) {
    LevenbergMarquardtOptions options;
    change(options);
    CHECK_THROWS(run(Rosenbrock{}, kAutomatic, kStart, options), std::invalid_argument);
  };
  refused([](auto& o) { o.cost_tolerance = -1.0; });
  refused([](auto& o) { o.step_tolerance = NAN; });
  refused([](auto& o) { o.gradient_tolerance = -1.0; });
  refused([](auto& o) { o.time_limit = 0.0; });
  refused([](auto& o) { o.max_evaluations = 0; });
  refused([](auto& o) { o.scale = Vector::Zero(2); });
  refused([](auto& o) { o.scale = Vector::Ones(3); });
  Index calls = 0;
  const auto growing = [&](const Vector&, Vector& r) { r = Vector::Ones(2 + calls++); };
  CHECK_THROWS(run(growing, kAutomatic, kStart), std::invalid_argument);
}
