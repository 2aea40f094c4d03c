// Taylor-LM: it reaches the rounding floor, and every way to stop keeps the best iterate.
#include "precisekit/optimize/taylor_lm.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

// A teacher network on random points, and a start some way from its parameters.
struct Problem {
  explicit Problem(Activation sigma = Activation::tanh, Index n = 300)
      : net({2, 5, 1}, {sigma}),
        teacher(Random(1).vector(net.n_params())),
        start(teacher + Random(2).vector(net.n_params(), 0.3)),
        X(Random(3).matrix(n, 2)),
        objective(net, X, forward(net, teacher, X), Vector()) {}

  TaylorLmResult fit(const TaylorLmOptions& options, const TaylorLmHooks& hooks = {}) const {
    return TaylorLm(objective, options).minimize(start, hooks);
  }
  double relative_rmse(const Vector& theta) const {
    return objective.residual(theta).norm() / objective.target_norm();
  }

  Mlp net;
  Vector teacher, start;
  RowMatrix X;
  LeastSquares objective;
};

// The first terms of (a t + b t^2) / (1 + q_1 t + q_2 t^2), with a and b chosen at random.
std::vector<Vector> rational_curve(double q_1, double q_2, int terms, Vector& a, Vector& b) {
  a = Random(5).vector(20);
  b = Random(6).vector(20);
  std::vector<Vector> d{a, b - q_1 * a};
  while (int(d.size()) < terms) {
    const std::size_t k = d.size();
    d.push_back(-q_1 * d[k - 1] - q_2 * d[k - 2]);
  }
  return d;
}

}  // namespace

TEST(pade_form_reaches_beyond_poles) {
  Vector a, b;  // poles at 0.1 +- 0.7 i, so that the series diverges from |t| = 0.71 on
  const std::vector<Vector> d = rational_curve(-0.4, 2.0, 12, a, b);
  const PadeForm pade(d, 4);
  for (const double t : {0.3, 0.7, 1.0}) {
    const std::optional<Vector> weights = pade.weights(t);
    CHECK(weights.has_value());
    if (!weights) continue;
    Vector value = Vector::Zero(20);
    for (Index k = 0; k < 12; ++k) value += (*weights)[k] * d[k];
    const Vector truth = (a * t + b * t * t) / (1.0 - 0.4 * t + 2.0 * t * t);
    CHECK_CLOSE((value - truth).norm(), 0.0, 1e-4 * truth.norm());
  }
}

TEST(pade_form_stops_before_a_pole_on_the_way) {
  Vector a, b;
  const PadeForm pade(rational_curve(-1.25, 0.0, 12, a, b), 4);  // at 0.8
  CHECK(pade.weights(0.5).has_value());
  CHECK(!pade.weights(1.0).has_value());
}

TEST(taylor_lm_fits_a_teacher_to_the_floor) {
  for (const Activation sigma : {Activation::tanh, Activation::sigmoid}) {
    const Problem problem(sigma);
    TaylorLmOptions options;
    options.tolerance = 1e-14;
    options.max_iterations = 500;
    const TaylorLmResult result = problem.fit(options);
    CHECK(result.reason == StopReason::tolerance);
    CHECK(result.relative_rmse <= 1e-14);
    CHECK_CLOSE(problem.relative_rmse(result.theta), result.relative_rmse, 1e-17);
    CHECK(result.jacobian_evaluations == result.iterations && result.trials >= result.iterations);
    CHECK(result.residual_evaluations > result.trials);
  }
}

TEST(taylor_lm_of_order_one_and_of_relu) {
  TaylorLmOptions options;
  options.order = 1;
  options.tolerance = 1e-10;
  CHECK(Problem().fit(options).reason == StopReason::tolerance);
  const Problem relu(Activation::relu);
  options.order = 8;
  options.max_iterations = 30;
  CHECK(relu.fit(options).relative_rmse < relu.relative_rmse(relu.start));
}

TEST(taylor_lm_stops_where_nothing_is_left_to_gain) {
  const TaylorLmResult result = Problem().fit({});
  CHECK(result.reason == StopReason::stalled || result.reason == StopReason::no_damping);
  CHECK(result.relative_rmse <= 1e-14);
}

TEST(taylor_lm_stops_at_max_iterations) {
  const Problem problem;
  TaylorLmOptions options;
  options.max_iterations = 3;
  const TaylorLmResult result = problem.fit(options);
  CHECK(result.reason == StopReason::max_iterations && result.iterations == 3);
  CHECK(result.relative_rmse < problem.relative_rmse(problem.start));
  options.max_iterations = 0;
  CHECK(problem.fit(options).theta == problem.start);
}

TEST(taylor_lm_stops_at_the_time_limit) {
  const Problem problem;
  TaylorLmOptions options;
  options.time_limit = 1e-9;
  const TaylorLmResult result = problem.fit(options);
  CHECK(result.reason == StopReason::time_limit && result.theta == problem.start);
}

TEST(taylor_lm_stops_when_the_observer_asks) {
  const Problem problem;
  std::vector<double> seen;
  TaylorLmHooks hooks;
  hooks.observe = [&](const TaylorLmProgress& progress) {
    CHECK(progress.iteration == Index(seen.size()));
    CHECK(seen.empty() || progress.relative_rmse < seen.back());
    seen.push_back(progress.relative_rmse);
    return progress.iteration == 4;
  };
  const TaylorLmResult result = problem.fit({}, hooks);
  CHECK(result.reason == StopReason::interrupted && result.iterations == 4);
  CHECK(result.relative_rmse == seen.back());
  CHECK_CLOSE(problem.relative_rmse(result.theta), seen.back(), 1e-15);
}

TEST(taylor_lm_stops_when_the_poll_asks) {
  const Problem problem;
  double best = INFINITY;
  int calls = 0;
  TaylorLmHooks hooks;
  hooks.observe = [&](const TaylorLmProgress& progress) {
    best = progress.relative_rmse;
    return false;
  };
  hooks.poll = [&] { return ++calls == 50; };
  const TaylorLmResult result = problem.fit({}, hooks);
  CHECK(result.reason == StopReason::interrupted && calls == 50);
  CHECK(result.relative_rmse == best && best < problem.relative_rmse(problem.start));
}

TEST(taylor_lm_reports_a_start_that_is_not_finite) {
  const Problem problem;
  TaylorLm solver(problem.objective, {});
  const Vector nowhere = Vector::Constant(problem.net.n_params(), NAN);
  CHECK(solver.minimize(nowhere, {}).reason == StopReason::not_finite);
}

TEST(taylor_lm_gives_the_same_bits_again_and_on_any_number_of_threads) {
  const Problem problem(Activation::tanh, 1500);
  TaylorLmOptions options;
  options.max_iterations = 5;
  std::atomic<int>& threads = ThreadPool::requested_threads();
  const int before = threads;
  threads = 1;
  TaylorLm solver(problem.objective, options);
  const TaylorLmResult first = solver.minimize(problem.start, {});
  threads = 3;
  const TaylorLmResult second = solver.minimize(problem.start, {});
  threads = before;
  CHECK(first.theta == second.theta && first.trials == second.trials);
}

TEST(taylor_lm_refuses_what_does_not_fit) {
  const Problem problem;
  const auto with = [&](auto&& change) {
    TaylorLmOptions options;
    change(options);
    return TaylorLm(problem.objective, options);
  };
  CHECK_THROWS(with([](auto& o) { o.order = 0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.damping = 0.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.time_limit = 0.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.tolerance = -1.0; }), std::invalid_argument);
}
