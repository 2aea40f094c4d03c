// BFGS: the line searches' conditions, the update against its formula, known minima, and every way
// to stop.
#include "precisekit/optimize/bfgs.hpp"

#include "harness.hpp"
#include "precisekit/objective/least_squares.hpp"
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

template <class Objective>
BfgsResult run(const Objective& objective, const Vector& start, const BfgsOptions& options = {},
               const BfgsHooks& hooks = {}) {
  return Bfgs<Objective>(objective, options).minimize(start, hooks);
}

const Vector kStart = (Vector(4) << -1.2, 1.0, -0.5, 2.0).finished();

}  // namespace

TEST(bfgs_finds_the_bottom_of_rosenbrocks_valley) {
  for (const bool self_scaling : {false, true}) {
    BfgsOptions options;
    options.gradient_tolerance = 1e-9;
    options.self_scaling = self_scaling;
    const BfgsResult result = run(Rosenbrock{}, kStart, options);
    CHECK(result.reason == BfgsStop::gradient);
    CHECK_CLOSE((result.x - Vector::Ones(4)).norm(), 0.0, 1e-8);
    CHECK(result.gradient.cwiseAbs().maxCoeff() <= 1e-9);
    CHECK(result.evaluations > result.iterations && result.iterations < 200);
  }
}

TEST(bfgs_learns_the_hessian_of_a_quadratic) {
  BfgsOptions options;
  options.gradient_tolerance = 1e-10;
  const BfgsResult result = run(Quadratic{}, Vector::Ones(6), options);
  CHECK(result.reason == BfgsStop::gradient);
  CHECK(result.inverse_hessian == result.inverse_hessian.transpose());
  for (Index i = 0; i < 6; ++i) {
    const double curvature = std::pow(10.0, 4.0 * double(i) / 5.0);
    CHECK_CLOSE(result.inverse_hessian(i, i) * curvature, 1.0, 0.15);
  }
}

TEST(bfgs_update_agrees_with_its_formula) {
  const Index n = 7;
  Random random(1);
  const Matrix half = random.matrix(n, n);
  const Matrix H = half * half.transpose() + Matrix::Identity(n, n), I = Matrix::Identity(n, n);
  const Vector s = random.vector(n), y = s + random.vector(n, 0.1), g = random.vector(n);
  const double rho = 1.0 / s.dot(y), scale = 1.7;
  const Matrix left = I - rho * s * y.transpose();
  const Matrix expected = scale * left * H * left.transpose() + rho * s * s.transpose();

  InverseHessian updated(H);
  const Vector Hy = updated.product(y);
  CHECK_CLOSE((Hy - H * y).norm(), 0.0, 1e-14);
  const Vector u = (0.5 * (1.0 + scale * rho * y.dot(Hy)) * rho) * s - (scale * rho) * Hy;
  updated.update(scale, s, u);
  CHECK_CLOSE((updated.product(g) - expected * g).norm(), 0.0, 1e-13);
  CHECK_CLOSE((std::move(updated).matrix() - expected).norm(), 0.0, 1e-13);
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
  BfgsOptions options;
  options.gradient_tolerance = 1e-9;
  const BfgsResult result = run(Rosenbrock{1e8}, kStart, options);
  CHECK(result.reason == BfgsStop::gradient);
  CHECK_CLOSE((result.x - Vector::Ones(4)).norm(), 0.0, 1e-8);
}

TEST(bfgs_says_that_it_met_rounding) {
  BfgsOptions options;
  options.gradient_tolerance = 0.0;
  // in this valley the gradient itself is rounded, and never zero
  const BfgsResult result = run(Rosenbrock{1.0}, Vector(kStart * 1.1), options);
  CHECK(result.reason == BfgsStop::rounding || result.reason == BfgsStop::gradient);
  CHECK_CLOSE((result.x - Vector::Ones(4)).norm(), 0.0, 1e-9);
  CHECK(result.noise < 1e-14);
}

TEST(bfgs_stops_where_it_is_told) {
  BfgsOptions options;
  options.max_iterations = 3;
  BfgsResult result = run(Rosenbrock{}, kStart, options);
  CHECK(result.reason == BfgsStop::max_iterations && result.iterations == 3);
  options = {};
  options.target = 1.0;
  result = run(Rosenbrock{}, kStart, options);
  CHECK(result.reason == BfgsStop::target && result.value <= 1.0);
  options = {};
  options.step_tolerance = 0.5;
  CHECK(run(Rosenbrock{}, kStart, options).reason == BfgsStop::step);
  options = {};
  options.time_limit = 1e-9;
  result = run(Rosenbrock{}, kStart, options);
  CHECK(result.reason == BfgsStop::time_limit && result.x == kStart);
}

TEST(bfgs_keeps_the_best_when_it_is_interrupted) {
  double lowest = INFINITY;
  int polls = 0;
  BfgsHooks hooks;
  hooks.observe = [&](const BfgsProgress& progress) {
    CHECK(progress.value < lowest);
    lowest = progress.value;
    return progress.iteration == 5;
  };
  BfgsResult result = run(Rosenbrock{}, kStart, {}, hooks);
  CHECK(result.reason == BfgsStop::interrupted && result.iterations == 5);
  CHECK(result.value == lowest);
  hooks = {};
  hooks.poll = [&] { return ++polls == 10; };
  result = run(Rosenbrock{}, kStart, {}, hooks);
  CHECK(result.reason == BfgsStop::interrupted && polls == 10);
}

TEST(bfgs_reports_values_that_are_not_finite) {
  CHECK(run(NoNumber{}, Vector::Zero(2)).reason == BfgsStop::not_finite);
  const BfgsResult result = run(NoNumber{}, Vector::Ones(1));
  CHECK(result.reason == BfgsStop::not_finite && result.x == Vector::Ones(1));
}

TEST(bfgs_fits_a_network_with_the_same_bits_on_any_number_of_threads) {
  const Mlp net({2, 5, 1}, {Activation::tanh});
  const RowMatrix X = Random(3).matrix(1500, 2);
  const Vector teacher = Random(1).vector(net.n_params());
  const LeastSquares objective(net, X, forward(net, teacher, X), Vector());
  BfgsOptions options;
  options.gradient_tolerance = 0.0;
  options.max_iterations = 100;
  std::atomic<int>& threads = ThreadPool::requested_threads();
  const int before = threads;
  const Vector start = teacher + Random(2).vector(net.n_params(), 0.3);
  threads = 1;
  const BfgsResult one = run(objective, start, options);
  threads = 3;
  const BfgsResult three = run(objective, start, options);
  threads = before;
  CHECK(one.x == three.x && one.evaluations == three.evaluations);
  CHECK(one.value < 1e-3 * objective.value(start));
}

TEST(bfgs_refuses_what_does_not_fit) {
  const auto with = [&](auto&& change) {
    BfgsOptions options;
    change(options);
    return run(Rosenbrock{}, kStart, options);
  };
  CHECK_THROWS(with([](auto& o) { o.wolfe.c1 = 0.95; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.gradient_tolerance = -1.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.norm = NAN; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.time_limit = 0.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.max_iterations = -1; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.inverse_hessian = Matrix::Identity(3, 3); }),
               std::invalid_argument);
}
