// BFGS, self-scaled and of limited memory: the line searches' conditions, the updates against their
// formulas, known minima, and every way to stop.
#include "precisekit/optimize/bfgs.hpp"

#include "harness.hpp"
#include "precisekit/objective/least_squares.hpp"
#include "precisekit/optimize/lbfgs.hpp"
#include "precisekit/optimize/ssbfgs.hpp"
#include "precisekit/optimize/ssbroyden.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

// Rosenbrock's valley in n dimensions, on a floor of `offset`.
struct Rosenbrock {
  double offset = 0.0;
  double value_and_gradient(const Vector& x, Vector& g) const {
    double f = 0.0;
    g.setZero(x.size());
    for (Index i = 0; i + 1 < x.size(); ++i) {
      const double a = x[i + 1] - x[i] * x[i], b = 1.0 - x[i];
      f += 100.0 * a * a + b * b;
      g[i] += -400.0 * a * x[i] - 2.0 * b;
      g[i + 1] += 200.0 * a;
    }
    return offset + f;
  }
};

// 1/2 x'Ax with eigenvalues from 1 to 1e4.
struct Quadratic {
  double value_and_gradient(const Vector& x, Vector& g) const {
    const Vector d =
        Vector::LinSpaced(x.size(), 0.0, 4.0).unaryExpr([](double e) { return std::pow(10.0, e); });
    g = d.cwiseProduct(x);
    return 0.5 * g.dot(x);
  }
};

struct NoNumber {
  double value_and_gradient(const Vector& x, Vector& g) const {
    g = Vector::Ones(x.size());
    return x[0] == 1.0 ? 1.0 : NAN;
  }
};

template <class Objective, class Inverse>
DescentResult run_with(const Objective& objective, const Vector& start, Inverse& H,
                       const QuasiNewtonOptions& options, const DescentHooks& hooks = {}) {
  return QuasiNewton<Objective, Inverse>(objective, options).minimize(start, H, hooks);
}

template <class Objective>
DescentResult run(const Objective& objective, const Vector& start,
                  const QuasiNewtonOptions& options = {}, const DescentHooks& hooks = {}) {
  InverseHessian H(start.size());
  return run_with(objective, start, H, options, hooks);
}

const Vector kStart = (Vector(4) << -1.2, 1.0, -0.5, 2.0).finished();

}  // namespace

template <class Inverse>
void find_the_bottom_of_rosenbrocks_valley(Inverse H) {
  QuasiNewtonOptions options;
  options.gradient_tolerance = 1e-9;
  const DescentResult result = run_with(Rosenbrock{}, kStart, H, options);
  CHECK(result.reason == DescentStop::gradient);
  CHECK_CLOSE((result.x - Vector::Ones(4)).norm(), 0.0, 1e-8);
  CHECK(result.gradient.cwiseAbs().maxCoeff() <= 1e-9);
  CHECK(result.evaluations > result.iterations && result.iterations < 200);
  CHECK(!H.is_fresh());
}

TEST(bfgs_finds_the_bottom_of_rosenbrocks_valley) {
  find_the_bottom_of_rosenbrocks_valley(InverseHessian(4));
  find_the_bottom_of_rosenbrocks_valley(FactoredInverseHessian(4));
  find_the_bottom_of_rosenbrocks_valley(BroydenInverseHessian(4));
  find_the_bottom_of_rosenbrocks_valley(LimitedMemoryInverseHessian(4, 3));
}

TEST(bfgs_learns_the_hessian_of_a_quadratic) {
  QuasiNewtonOptions options;
  options.gradient_tolerance = 1e-10;
  InverseHessian H(6);
  const DescentResult result = run_with(Quadratic{}, Vector::Ones(6), H, options);
  CHECK(result.reason == DescentStop::gradient);
  const Matrix learnt = std::move(H).matrix();
  CHECK(learnt == learnt.transpose());
  for (Index i = 0; i < 6; ++i) {
    const double curvature = std::pow(10.0, 4.0 * double(i) / 5.0);
    CHECK_CLOSE(learnt(i, i) * curvature, 1.0, 0.15);
  }
}

// A step along -H g0 with a change of gradient of positive curvature, and what BFGS makes of H.
struct Update {
  explicit Update(Index n) {
    Random random(1);
    const Matrix half = random.matrix(n, n);
    H = half * half.transpose() + Matrix::Identity(n, n);
    g0 = random.vector(n);
    s = -0.7 * H * g0;
    y = s + random.vector(n, 0.1);
    g = g0 + y;
  }
  // (I - rho s y') scale H (I - rho y s') + rho s s'
  Matrix expected(double scale) const {
    const Matrix I = Matrix::Identity(s.size(), s.size());
    const double rho = 1.0 / s.dot(y);
    const Matrix left = I - rho * s * y.transpose();
    return scale * left * H * left.transpose() + rho * s * s.transpose();
  }

  Matrix H;
  Vector g0, s, y, g;
};

TEST(bfgs_update_agrees_with_its_formula) {
  const Update u(7);
  const Matrix expected = u.expected(1.0);
  InverseHessian H(u.H);
  CHECK_CLOSE((H.direction(u.g0) + u.H * u.g0).norm(), 0.0, 1e-13);
  CHECK_CLOSE((H.update(u.s, u.y, u.g) + expected * u.g).norm(), 0.0, 1e-12);
  CHECK_CLOSE((std::move(H).matrix() - expected).norm(), 0.0, 1e-12);
}

TEST(self_scaled_update_agrees_with_its_formula) {
  const Update u(7);
  for (const double stretch : {1.0, 1e-3}) {  // s'Bs below and above y's
    const Vector y = stretch * u.y;
    const double sBs = u.s.dot(Vector(u.H.llt().solve(u.s)));
    Update scaled = u;
    scaled.y = y;
    const Matrix expected = scaled.expected(1.0 / std::min(1.0, u.s.dot(y) / sBs));
    const Vector g = u.g0 + y;
    FactoredInverseHessian H(u.H);
    CHECK_CLOSE((H.direction(u.g0) + u.H * u.g0).norm(), 0.0, 1e-13);
    const double size = expected.norm();
    CHECK_CLOSE((H.update(u.s, y, g) + expected * g).norm(), 0.0, 1e-12 * size);
    CHECK_CLOSE((H.matrix() - expected).norm(), 0.0, 1e-13 * size);
    CHECK_CLOSE((H.direction(u.g0) + expected * u.g0).norm(), 0.0, 1e-12 * size);
  }
}

TEST(self_scaled_broyden_agrees_with_its_formula) {
  const Index n = 7;
  for (const double stretch :
       {1.0, 1e-3, 0.3, 30.0, 1e3}) {  // theta of either sign, and its bounds
    Update u(n);
    u.y *= stretch;
    const Vector g = u.g0 + u.y, Hy = u.H * u.y;
    const double sy = u.s.dot(u.y), yHy = u.y.dot(Hy);
    const double b = u.s.dot(Vector(u.H.llt().solve(u.s))) / sy, h = yHy / sy, a = b * h - 1.0;
    const double rho = std::min(1.0, h * (1.0 - std::sqrt(a / (1.0 + a))));
    const double theta = std::max((rho - 1.0) / a, std::min(1.0 / rho, (1.0 - b) / b)),
                 sigma = 1.0 + theta * a;
    const double power = std::pow(sigma, -1.0 / double(n - 1));
    const double tau =
        theta > 0.0 ? rho * std::min(power, 1.0 / theta) : std::min(rho * power, sigma);
    const Vector v = std::sqrt(yHy) * (u.s / sy - Hy / yHy);
    const Matrix expected =
        (u.H - Hy * Hy.transpose() / yHy + (1.0 - theta) / sigma * v * v.transpose()) / tau +
        u.s * u.s.transpose() / sy;
    BroydenInverseHessian H(u.H);
    CHECK_CLOSE((H.direction(u.g0) + u.H * u.g0).norm(), 0.0, 1e-13);
    const double size = expected.norm();
    CHECK_CLOSE((H.update(u.s, u.y, g) + expected * g).norm(), 0.0, 1e-12 * size * g.norm());
    CHECK_CLOSE((H.matrix() - expected).norm(), 0.0, 1e-12 * size);
    CHECK_CLOSE((H.matrix() * u.y - u.s).norm(), 0.0, 1e-11 * u.s.norm());
    CHECK_CLOSE((H.direction(u.g0) + expected * u.g0).norm(), 0.0, 1e-12 * size);
  }
}

TEST(self_scaled_factors_hold_more_than_sixteen_digits) {
  // Curvatures from 1 to 1e-20, each seen once: the stiff one must survive the flat ones.
  const Index n = 6;
  FactoredInverseHessian H(n);
  for (int pass = 0; pass < 2; ++pass) {
    for (Index i = 0; i < n; ++i) {
      const double curvature = std::pow(10.0, -4.0 * double(i));
      const Vector axis = Vector::Unit(n, i);
      const Vector p = H.direction(-axis);
      H.update(p, curvature * p, curvature * p - axis);
    }
  }
  for (Index i = 0; i < n; ++i) {
    const double inverse = -H.direction(Vector::Unit(n, i))[i];
    CHECK_CLOSE(inverse * std::pow(10.0, -4.0 * double(i)), 1.0, 1e-6);  // rounding of a factor
  }
}

TEST(limited_memory_is_bfgs_from_a_scaled_identity) {
  const Index n = 5, memory = 3;
  Random random(2);
  LimitedMemoryInverseHessian limited(n, memory);
  std::vector<Vector> steps, changes;
  CHECK(limited.direction(Vector::Ones(n)) == -Vector::Ones(n));
  for (int k = 0; k < 5; ++k) {
    const Vector s = random.vector(n), y = s + random.vector(n, 0.3), g = random.vector(n);
    steps.push_back(s);
    changes.push_back(y);
    const Vector p = limited.update(s, y, g);
    const std::size_t first = std::max(0, k + 1 - int(memory));
    Matrix H = s.dot(y) / y.squaredNorm() * Matrix::Identity(n, n);
    for (std::size_t i = first; i < steps.size(); ++i) {
      const double rho = 1.0 / steps[i].dot(changes[i]);
      const Matrix left = Matrix::Identity(n, n) - rho * steps[i] * changes[i].transpose();
      H = Matrix(left * H * left.transpose() + rho * steps[i] * steps[i].transpose());
    }
    CHECK_CLOSE((p + H * g).norm(), 0.0, 1e-13);
    CHECK(limited.steps().rightCols(1) == s && limited.changes().rightCols(1) == y);
  }
  CHECK(limited.steps().cols() == memory && limited.steps().col(0) == steps[2]);
  // a step along which the gradient does not grow teaches nothing
  const Vector g = Vector::Ones(n), before = limited.direction(g);
  CHECK(limited.update(Vector::Unit(n, 0), -Vector::Unit(n, 0), g) == before);
  limited.reset();
  CHECK(limited.is_fresh() && limited.direction(g) == -g);
}

TEST(line_search_meets_the_strong_wolfe_conditions) {
  // the curves of More and Thuente's test (ACM TOMS 20, 286, 1994), from steps too short and too long
  const auto first = [](double a) {
    return LinePoint{a, -a / (a * a + 2.0), (a * a - 2.0) / std::pow(a * a + 2.0, 2)};
  };
  const auto second = [](double a) {
    const double b = a + 0.004;
    return LinePoint{a, std::pow(b, 5) - 2.0 * std::pow(b, 4),
                     5.0 * std::pow(b, 4) - 8.0 * std::pow(b, 3)};
  };
  const auto try_on = [](auto&& phi) {
    for (const double c2 : {0.9, 0.1}) {
      for (const double alpha : {1e-3, 1e-1, 1e1, 1e3}) {
        const WolfeConditions wolfe{1e-4, c2};
        const LinePoint start = phi(0.0);
        const LineSearchResult found =
            strong_wolfe_search(phi, start, alpha, wolfe, -INFINITY, 0.0);
        CHECK(found.step == Step::strong_wolfe);
        CHECK(wolfe.decrease(start, found.point) && wolfe.curvature(start, found.point));
        const LineSearchResult by_slope = slope_search(phi, start, alpha, wolfe, start.value);
        CHECK(by_slope.step == Step::approximate_wolfe);
        CHECK(wolfe.approximate(start, by_slope.point, start.value));
      }
    }
  };
  try_on(first);
  try_on(second);
}

TEST(line_search_steps_back_from_where_there_is_no_value) {
  const auto phi = [](double a) {
    if (a >= 0.02) return LinePoint{a, INFINITY, 0.0};
    return LinePoint{a, (a - 0.01) * (a - 0.01), 2.0 * (a - 0.01)};
  };
  const LineSearchResult found = strong_wolfe_search(phi, phi(0.0), 1.0, {}, 0.0, 0.0);
  CHECK(found.step == Step::strong_wolfe && found.point.alpha < 0.02);
}

TEST(noise_level_sees_through_a_smooth_function) {
  Random random(3);
  double mean = 0.0;
  for (int trial = 0; trial < 200; ++trial) {
    std::array<double, kNoiseSamples> values;
    for (int i = 0; i < kNoiseSamples; ++i) values[i] = 5.0 + 1e-3 * i + 1e-9 * random();
    mean += noise_level(values) / 200.0;
  }
  const double truth = 1e-9 / std::sqrt(3.0);  // uniform on (-1e-9, 1e-9)
  CHECK(mean > 0.3 * truth && mean < 1.5 * truth);
}

TEST(bfgs_goes_on_by_slopes_where_values_are_rounded) {
  QuasiNewtonOptions options;
  options.gradient_tolerance = 1e-9;
  const DescentResult result = run(Rosenbrock{1e8}, kStart, options);
  CHECK(result.reason == DescentStop::gradient);
  CHECK_CLOSE((result.x - Vector::Ones(4)).norm(), 0.0, 1e-8);
}

TEST(bfgs_says_that_it_met_rounding) {
  QuasiNewtonOptions options;
  options.gradient_tolerance = 0.0;
  // in this valley the gradient itself is rounded, and never zero; other starts end at (-1, 1, 1, 1)
  const DescentResult result = run(Rosenbrock{1.0}, Vector(kStart * 0.9), options);
  CHECK(result.reason == DescentStop::rounding || result.reason == DescentStop::gradient);
  CHECK_CLOSE((result.x - Vector::Ones(4)).norm(), 0.0, 1e-9);
  CHECK(result.noise < 1e-14);
}

TEST(bfgs_stops_where_it_is_told) {
  QuasiNewtonOptions options;
  options.max_iterations = 3;
  DescentResult result = run(Rosenbrock{}, kStart, options);
  CHECK(result.reason == DescentStop::max_iterations && result.iterations == 3);
  options = {};
  options.target = 1.0;
  result = run(Rosenbrock{}, kStart, options);
  CHECK(result.reason == DescentStop::target && result.value <= 1.0);
  options = {};
  options.step_tolerance = 0.5;
  CHECK(run(Rosenbrock{}, kStart, options).reason == DescentStop::step);
  options = {};
  options.time_limit = 1e-9;
  result = run(Rosenbrock{}, kStart, options);
  CHECK(result.reason == DescentStop::time_limit && result.x == kStart);
}

TEST(bfgs_keeps_the_best_when_it_is_interrupted) {
  double lowest = INFINITY;
  int polls = 0;
  DescentHooks hooks;
  hooks.observe = [&](const DescentProgress& progress) {
    CHECK(progress.value < lowest);
    lowest = progress.value;
    return progress.iteration == 5;
  };
  DescentResult result = run(Rosenbrock{}, kStart, {}, hooks);
  CHECK(result.reason == DescentStop::interrupted && result.iterations == 5);
  CHECK(result.value == lowest);
  hooks = {};
  hooks.poll = [&] { return ++polls == 10; };
  result = run(Rosenbrock{}, kStart, {}, hooks);
  CHECK(result.reason == DescentStop::interrupted && polls == 10);
}

TEST(bfgs_reports_values_that_are_not_finite) {
  CHECK(run(NoNumber{}, Vector::Zero(2)).reason == DescentStop::not_finite);
  const DescentResult result = run(NoNumber{}, Vector::Ones(1));
  CHECK(result.reason == DescentStop::not_finite && result.x == Vector::Ones(1));
}

TEST(bfgs_fits_a_network_with_the_same_bits_on_any_number_of_threads) {
  const Mlp net({2, 5, 1}, {Activation::tanh});
  const RowMatrix X = Random(3).matrix(1500, 2);
  const Vector teacher = Random(1).vector(net.n_params());
  const LeastSquares objective(net, X, forward(net, teacher, X), Vector());
  QuasiNewtonOptions options;
  options.gradient_tolerance = 0.0;
  options.max_iterations = 100;
  std::atomic<int>& threads = ThreadPool::requested_threads();
  const int before = threads;
  const Vector start = teacher + Random(2).vector(net.n_params(), 0.3);
  threads = 1;
  const DescentResult one = run(objective, start, options);
  threads = 3;
  const DescentResult three = run(objective, start, options);
  threads = before;
  CHECK(one.x == three.x && one.evaluations == three.evaluations);
  CHECK(one.value < 1e-3 * objective.value(start));
}

TEST(bfgs_refuses_what_does_not_fit) {
  const auto with = [&](auto&& change) {
    QuasiNewtonOptions options;
    change(options);
    return run(Rosenbrock{}, kStart, options);
  };
  CHECK_THROWS(with([](auto& o) { o.wolfe.c1 = 0.95; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.gradient_tolerance = -1.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.norm = NAN; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.time_limit = 0.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.max_iterations = -1; }), std::invalid_argument);
  CHECK_THROWS(InverseHessian(Matrix(Matrix::Identity(3, 2))), std::invalid_argument);
  CHECK_THROWS(FactoredInverseHessian(Matrix(Matrix::Identity(3, 2))), std::invalid_argument);
  CHECK_THROWS(FactoredInverseHessian(Matrix(-Matrix::Identity(3, 3))), std::invalid_argument);
  CHECK_THROWS(LimitedMemoryInverseHessian(3, 0), std::invalid_argument);
}
