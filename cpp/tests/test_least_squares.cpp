// The mean squared error and its derivatives against long double.
#include "precisekit/objective/least_squares.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

void check_objective(const Mlp& net, Index n, bool weighted) {
  Random random(n);
  const Index m = net.n_outputs(), P = net.n_params();
  const Vector theta = random.vector(P);
  const RowMatrix X = random.matrix(n, net.n_inputs()), Y = random.matrix(n, m);
  const Vector weights = weighted ? (random.vector(n).array() + 1.0).matrix() : Vector();
  const LeastSquares objective(net, X, Y, weights);
  CHECK(objective.n_residuals() == n * m && objective.n_params() == P);

  long double mean_weight = 1.0L;
  if (weighted) mean_weight = weights.cast<long double>().mean();
  std::vector<long double> r(n * m), gradient(P, 0.0L);
  Matrix J(n * m, P);
  long double value = 0.0L, target = 0.0L;
  for (Index s = 0; s < n; ++s) {
    const long double scale = weighted ? std::sqrt(weights[s] / mean_weight) : 1.0L;
    for (Index p = 0; p < P; ++p) {
      const auto f = reference_forward(net, curve(theta, {Vector::Unit(P, p)}, 1), X.row(s).data());
      for (Index o = 0; o < m; ++o) {
        r[s * m + o] = scale * (f[o][0] - Y(s, o));
        J(s * m + o, p) = double(scale * f[o][1]);
        gradient[p] += 2.0L / (long double)(n * m) * r[s * m + o] * scale * f[o][1];
      }
    }
    for (Index o = 0; o < m; ++o) {
      value += r[s * m + o] * r[s * m + o] / (long double)(n * m);
      target += scale * scale * Y(s, o) * Y(s, o);
    }
  }

  Vector g(P);
  CHECK_CLOSE(objective.value(theta), value, 1e-14);
  CHECK_CLOSE(objective.value_and_gradient(theta, g), value, 1e-14);
  for (Index p = 0; p < P; ++p) CHECK_CLOSE(g[p], gradient[p], 1e-14);
  CHECK_CLOSE(objective.target_norm(), std::sqrt(target), 1e-13);
  const Vector residual = objective.residual(theta);
  for (Index i = 0; i < n * m; ++i) CHECK_CLOSE(residual[i], r[i], 1e-14);
  CHECK_CLOSE((objective.residual_jacobian(theta) - J).cwiseAbs().maxCoeff(), 0.0, 2e-14);
  const Matrix H = 2.0 / double(n * m) * (J.transpose() * J);
  CHECK_CLOSE((objective.gauss_newton(theta) - H).cwiseAbs().maxCoeff(), 0.0, 1e-14);
}

}  // namespace

TEST(objective_value_and_derivatives) {
  check_objective(Mlp({2, 4, 1}, {Activation::tanh}), 150, false);
  check_objective(Mlp({2, 4, 1}, {Activation::gelu}), 150, true);
  check_objective(Mlp({1, 3, 3, 2}, {Activation::sin, Activation::tanh}), 300, true);
  check_objective(Mlp({3, 2}, {}), 1, false);
  const Activation tanh = Activation::tanh;
  check_objective(Mlp(3, {{{0, 1}, {4}, tanh}, {{3, 2}, {3, 2}, tanh}, {{3, 4}, {2}, tanh}}), 140,
                  true);
}

TEST(objective_refuses_what_does_not_fit) {
  const Mlp net({2, 3, 1}, {Activation::tanh});
  const RowMatrix X = RowMatrix::Zero(4, 2), Y = RowMatrix::Ones(4, 1);
  const Vector none;
  CHECK_THROWS(LeastSquares(net, RowMatrix(0, 2), RowMatrix(0, 1), none), std::invalid_argument);
  CHECK_THROWS(LeastSquares(net, RowMatrix::Zero(4, 3), Y, none), std::invalid_argument);
  CHECK_THROWS(LeastSquares(net, X, RowMatrix::Ones(3, 1), none), std::invalid_argument);
  CHECK_THROWS(LeastSquares(net, X, Y, Vector::Ones(3)), std::invalid_argument);
  CHECK_THROWS(LeastSquares(net, X, Y, Vector::Constant(4, -1.0)), std::invalid_argument);
  CHECK_THROWS(LeastSquares(net, X, Y, Vector::Zero(4)), std::invalid_argument);
  CHECK_THROWS(LeastSquares(net, X, Y, none).value(Vector::Zero(3)), std::invalid_argument);
}
