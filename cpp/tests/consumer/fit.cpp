// Evaluates a small network and fits another to it; succeeds when the fit is right to the last
// digits.
#include <cstdio>
#include <precisekit/optimize/taylor_lm.hpp>

int main() {
  using namespace precisekit;
  const Mlp net({1, 4, 1}, {Activation::tanh});
  Vector teacher(net.n_params());
  for (Index p = 0; p < teacher.size(); ++p) teacher[p] = std::sin(double(p + 1));
  RowMatrix X(200, 1);
  for (Index s = 0; s < X.rows(); ++s) X(s, 0) = double(2 * s + 1) / double(X.rows()) - 1.0;

  const LeastSquares objective(net, X, forward(net, teacher, X), Vector());
  TaylorLmOptions options;
  options.tolerance = 1e-13;
  TaylorLm solver(objective, options);
  const TaylorLmResult result = solver.minimize(1.1 * teacher, {});

  std::printf("kernels %s, Eigen %d.%d.%d, relative RMSE %.2e after %td iterations\n",
              kernels::active().isa, EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION,
              result.relative_rmse, result.iterations);
  return result.reason == StopReason::tolerance ? 0 : 1;
}
