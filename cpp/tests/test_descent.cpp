// Adam against its formulas, and the slices it takes; the steps of low curvature and their search;
// Newton's trust region, its hard case among them.
#include "harness.hpp"
#include "precisekit/objective/hessian.hpp"
#include "precisekit/optimize/adam.hpp"
#include "precisekit/optimize/low_curvature.hpp"
#include "precisekit/optimize/newton.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

// f = x^4 / 4 - x^2 / 2 + y^2 / 2: a saddle at 0, minima of -1/4 at x = -1 and 1.
struct Saddle {
  double value(const Vector& x) const {
    return 0.25 * std::pow(x[0], 4) - 0.5 * x[0] * x[0] + 0.5 * x[1] * x[1];
  }
  double value_and_gradient(const Vector& x, Vector& g) const {
    g = Vector(2);
    g << std::pow(x[0], 3) - x[0], x[1];
    return value(x);
  }
};

Matrix hessian(const Saddle&, const Vector& x) {
  return Vector{{3.0 * x[0] * x[0] - 1.0, 1.0}}.asDiagonal();
}

// 1/2 x'Dx - b'x with curvatures 1, 1e-8 and -1e-8.
struct Bowl {
  Vector curvature = Vector{{1.0, 1e-8, -1e-8}}, slope = Vector{{1.0, 1e-4, 1e-12}};
  double value(const Vector& x) const { return x.dot(0.5 * curvature.cwiseProduct(x) + slope); }
  double value_and_gradient(const Vector& x, Vector& g) const {
    g = curvature.cwiseProduct(x) + slope;
    return value(x);
  }
};

Matrix hessian(const Bowl& bowl, const Vector&) { return bowl.curvature.asDiagonal(); }

struct Problem {
  Mlp net{{2, 5, 1}, {Activation::tanh}};
  RowMatrix X = Random(3).matrix(300, 2);
  Vector weights = Random(4).vector(300).cwiseAbs();
  Vector teacher = Random(1).vector(net.n_params());
  Vector start = teacher + Random(2).vector(net.n_params(), 0.3);
  LeastSquares objective{net, X, forward(net, teacher, X), weights};
};

}  // namespace

// -- Adam -----------------------------------------------------------------------------------------

TEST(adam_follows_its_formulas) {
  const Problem problem;
  AdamOptions options;
  options.max_iterations = 20;
  options.learning_rate = 0.01;
  Vector x = problem.start, m = Vector::Zero(x.size()), v = m, g(x.size());
  DescentHooks hooks;
  hooks.observe = [&](const DescentProgress& at) {
    CHECK_CLOSE((at.x - x).norm(), 0.0, 1e-13);
    problem.objective.value_and_gradient(x, g);
    for (Index i = 0; i < x.size(); ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      const double t = double(at.iteration + 1);
      const double m_hat = m[i] / (1.0 - std::pow(0.9, t));
      const double v_hat = v[i] / (1.0 - std::pow(0.999, t));
      x[i] -= 0.01 * m_hat / (std::sqrt(v_hat) + 1e-8);
    }
    return false;
  };
  FullBatch<LeastSquares> all{problem.objective};
  const DescentResult result =
      Adam<LeastSquares, FullBatch<LeastSquares>>(problem.objective, all, options)
          .minimize(problem.start, hooks);
  CHECK(result.reason == DescentStop::max_iterations && result.iterations == 20);
  CHECK(result.gradient_evaluations == 21);
  CHECK(result.value == problem.objective.value(result.x));
  problem.objective.value_and_gradient(result.x, g);
  CHECK(result.gradient == g);
}

TEST(slices_are_consecutive_and_go_around) {
  const Problem problem;
  const Index n = 300, size = 170;  // neither divides a block or the other
  ConsecutiveSlices slices(problem.objective, size);
  Vector g(problem.net.n_params()), sum = g;
  for (Index k = 0; k < 5; ++k) {
    double expected = 0.0;
    const Vector r = problem.objective.residual(problem.start);
    const Matrix J = problem.objective.residual_jacobian(problem.start);
    sum.setZero();
    for (Index i = 0; i < size; ++i) {
      const Index s = (k * size + i) % n;
      expected += r[s] * r[s] / double(size);
      sum += 2.0 / double(size) * r[s] * J.row(s);
    }
    CHECK_CLOSE(slices.value_and_gradient(problem.start, g), expected, 1e-14);
    CHECK_CLOSE((g - sum).norm(), 0.0, 1e-13);
  }
}

TEST(adam_on_slices_keeps_the_best_of_what_it_records) {
  const Problem problem;
  AdamOptions options;
  options.max_iterations = 95;
  options.learning_rate = 0.05;
  options.record_every = 10;
  double lowest = INFINITY;
  Index records = 0;
  DescentHooks hooks;
  hooks.observe = [&](const DescentProgress& at) {
    CHECK(at.iteration == std::min<Index>(10 * records, 95));
    CHECK(at.value == problem.objective.value(at.x));
    lowest = std::min(lowest, at.value);
    ++records;
    return false;
  };
  ConsecutiveSlices slices(problem.objective, 64);
  const DescentResult result =
      Adam<LeastSquares, ConsecutiveSlices>(problem.objective, slices, options)
          .minimize(problem.start, hooks);
  CHECK(records == 11 && result.value == lowest);
  CHECK(result.value == problem.objective.value(result.x));
  CHECK(lowest < 0.5 * problem.objective.value(problem.start));
}

// Cut anywhere, also between two records, on slices and on all samples.
TEST(adam_goes_on_from_its_state_to_the_same_bits) {
  const Problem problem;
  AdamOptions options;
  options.max_iterations = 60;
  options.learning_rate = 0.2;  // thrown about, so that the best is not the last
  options.record_every = 10;
  const auto check = [&](auto& batches) {
    Adam adam(problem.objective, batches, options);
    AdamState whole(problem.start);
    const DescentResult straight = adam.minimize(whole, {});
    for (const Index cut : {0, 20, 33, 60}) {
      AdamOptions part = options;
      part.max_iterations = cut;
      AdamState state(problem.start);
      Adam(problem.objective, batches, part).minimize(state, {});
      CHECK(state.steps == cut);
      part.max_iterations = 60 - cut;
      AdamState copy = state;
      const DescentResult rest = Adam(problem.objective, batches, part).minimize(copy, {});
      CHECK(copy.steps == 60 && rest.iterations == 60 - cut);
      CHECK(copy.x == whole.x && copy.m == whole.m && copy.v == whole.v);
      if (cut % 10 == 0) {  // else the best may be where only the cut run looked
        CHECK(rest.x == straight.x && rest.value == straight.value);
        CHECK(rest.gradient == straight.gradient);
      }
    }
  };
  FullBatch<LeastSquares> all{problem.objective};
  ConsecutiveSlices slices(problem.objective, 64);
  check(all);
  check(slices);
}

TEST(adam_stops_where_it_is_told) {
  const Saddle saddle;
  FullBatch<Saddle> all{saddle};
  const Vector start = Vector{{0.5, 0.5}};
  const auto run = [&](const AdamOptions& options, const DescentHooks& hooks = {}) {
    return Adam<Saddle, FullBatch<Saddle>>(saddle, all, options).minimize(start, hooks);
  };
  AdamOptions options;
  options.target = 0.0;
  CHECK(run(options).reason == DescentStop::target);
  options = {};
  options.time_limit = 1e-9;
  CHECK(run(options).reason == DescentStop::time_limit && run(options).x == start);
  options = {};
  options.learning_rate = 1e200;
  const DescentResult far = run(options);
  CHECK(far.reason == DescentStop::not_finite && far.x == start);
  DescentHooks hooks;
  hooks.observe = [](const DescentProgress& at) { return at.iteration == 3; };
  CHECK(run({}, hooks).reason == DescentStop::interrupted && run({}, hooks).iterations == 3);
  const auto with = [&](auto&& change) {
    AdamOptions bad;
    change(bad);
    return run(bad);
  };
  CHECK_THROWS(with([](auto& o) { o.learning_rate = 0.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.beta1 = 1.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.beta2 = NAN; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.epsilon = -1.0; }), std::invalid_argument);
  CHECK_THROWS(with([](auto& o) { o.record_every = 0; }), std::invalid_argument);
  CHECK_THROWS(LeastSquares(Problem().objective, 0), std::invalid_argument);
}

// -- low curvature --------------------------------------------------------------------------------

TEST(logarithmic_search_closes_in_on_the_lowest_point) {
  const auto valley = [](double at) {
    return [at](double alpha) { return std::abs(std::log10(alpha) - at); };
  };
  for (const double at : {-11.3, 0.2, 3.0, 11.9}) {
    const GridPoint found = logarithmic_search(valley(at), 100.0, {});
    CHECK_CLOSE(std::log10(found.alpha), at, 0.01);  // two spacings become one range, three times
  }
  // beyond the ends the grid moves by a spacing a round
  CHECK_CLOSE(std::log10(logarithmic_search(valley(-30.0), 1e9, {}).alpha), -12.0 - 3 * 24.0 / 14,
              1e-9);
  CHECK_CLOSE(std::log10(logarithmic_search(valley(30.0), 1e9, {}).alpha), 12.0 + 3 * 24.0 / 14,
              1e-9);
  // never uphill, and never to where there is no number
  CHECK(logarithmic_search([](double alpha) { return 1.0 + alpha; }, 1.0, {}).alpha == 0.0);
  CHECK(logarithmic_search([](double) { return NAN; }, 1.0, {}).alpha == 0.0);
}

TEST(low_curvature_steps_stay_in_their_subspace_and_go_down) {
  LowCurvatureOptions options;
  options.tau = 1e-6;
  options.max_iterations = 2;
  double last = INFINITY;
  DescentHooks hooks;
  hooks.observe = [&](const DescentProgress& at) {
    CHECK(at.value < last);
    last = at.value;
    CHECK(at.x[0] == 0.0);  // the stiff direction
    return false;
  };
  const Bowl bowl;
  const DescentResult result = LowCurvature<Bowl>(bowl, options).minimize(Vector::Zero(3), hooks);
  CHECK(result.iterations == 2 && result.hessian_evaluations == 2);
  CHECK(result.value < -0.49);  // half of 1e-4^2 / 1e-8, the bottom along the flat direction
  CHECK(result.value == bowl.value(result.x));
}

TEST(low_curvature_says_why_it_ends) {
  LowCurvatureOptions options;
  options.tau = 1e-12;
  const Bowl bowl;
  DescentResult result = LowCurvature<Bowl>(bowl, options).minimize(Vector::Ones(3), {});
  CHECK(result.reason == DescentStop::no_curvature_below && result.x == Vector::Ones(3));
  const Saddle saddle;
  options.tau = 10.0;
  options.max_iterations = 1000;
  result = LowCurvature<Saddle>(saddle, options).minimize(Vector{{0.5, 0.5}}, {});
  CHECK(result.reason == DescentStop::no_step);
  CHECK_CLOSE(result.value, -0.25, 1e-12);
  options.tau = 0.0;
  CHECK_THROWS(LowCurvature<Saddle>(saddle, options), std::invalid_argument);
  for (const LogarithmicGrid grid :
       {LogarithmicGrid{0.0, 1.0, 15, 4}, {1.0, 1.0, 15, 4}, {1.0, 2.0, 2, 4}, {1.0, 2.0, 15, 0}}) {
    CHECK_THROWS(grid.check(), std::invalid_argument);
  }
}

// -- Newton ---------------------------------------------------------------------------------------

TEST(trust_region_step_meets_the_conditions_of_its_minimum) {
  // (Lambda + mu I) p = -c, mu >= 0, Lambda + mu I >= 0, mu (radius - |p|) = 0
  Random random(5);
  for (const double lowest : {2.0, 1e-12, 0.0, -1e-12, -3.0}) {
    for (const double c0 : {1.0, 1e-8, 1e-150, 0.0}) {
      for (const double radius : {1e-6, 0.3, 1e4}) {
        Vector lambda = random.vector(5).cwiseAbs().array() + lowest;
        lambda[0] = lowest;
        std::sort(lambda.data(), lambda.data() + 5);
        Vector c = random.vector(5);
        c[0] = c0;
        const Vector p = trust_region_step(lambda, c, radius);
        CHECK(p.allFinite() && p.norm() <= radius * (1.0 + 1e-11));
        Index widest;  // mu from the component that tells it best
        const double size = p.cwiseAbs().maxCoeff(&widest);
        double mu = size > 0.0 ? -c[widest] / p[widest] - lambda[widest] : 0.0;
        if (std::abs(mu + lowest) < 1e-10) mu = -lowest;
        const double scale = c.norm() + lambda.cwiseAbs().maxCoeff() * p.norm();
        CHECK(mu > -1e-9 && lowest + mu > -1e-9);
        CHECK_CLOSE((lambda.cwiseProduct(p) + mu * p + c).norm(), 0.0, 1e-9 * scale);
        CHECK(mu < 1e-9 || std::abs(p.norm() - radius) < 1e-9 * radius);
      }
    }
  }
}

TEST(newton_leaves_a_saddle) {
  const Saddle saddle;
  NewtonOptions options;
  options.gradient_tolerance = 1e-12;
  for (const Vector& start : {Vector{{0.0, 0.0}}, Vector{{0.0, 0.7}}, Vector{{1e-30, -2.0}}}) {
    double last = INFINITY;
    DescentHooks hooks;
    hooks.observe = [&](const DescentProgress& at) {
      CHECK(at.value <= last);
      last = at.value;
      return false;
    };
    const DescentResult result = Newton<Saddle>(saddle, options).minimize(start, hooks);
    CHECK(result.reason == DescentStop::gradient && result.iterations < 20);
    CHECK_CLOSE(std::abs(result.x[0]), 1.0, 1e-10);
    CHECK_CLOSE(result.value, -0.25, 1e-15);
  }
}

TEST(newton_fits_a_network_to_rounding) {
  const Problem problem;
  NewtonOptions options;
  options.gradient_tolerance = 0.0;
  const DescentResult result =
      Newton<LeastSquares>(problem.objective, options).minimize(problem.start, {});
  CHECK(result.reason == DescentStop::rounding || result.reason == DescentStop::gradient);
  CHECK(result.value < 1e-24);
  CHECK(result.hessian_evaluations <= result.iterations + 1);
}

TEST(newton_refuses_what_does_not_fit) {
  const Saddle saddle;
  NewtonOptions options;
  options.initial_radius = 0.0;
  CHECK_THROWS(Newton<Saddle>(saddle, options), std::invalid_argument);
  options = {};
  options.gradient_tolerance = NAN;
  CHECK_THROWS(Newton<Saddle>(saddle, options), std::invalid_argument);
  options = {};
  options.max_iterations = -1;
  CHECK_THROWS(Newton<Saddle>(saddle, options), std::invalid_argument);
}
