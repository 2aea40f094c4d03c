// Evaluates a small network and its Jacobian; succeeds when they agree with differences.
#include <cstdio>
#include <precisekit/network/mlp.hpp>

int main() {
  using namespace precisekit;
  const Mlp net({1, 4, 1}, {Activation::tanh});
  Vector theta(net.n_params());
  for (Index p = 0; p < theta.size(); ++p) theta[p] = std::sin(double(p + 1));
  const RowMatrix X = RowMatrix::Constant(1, 1, 0.3);
  Vector exact(theta.size()), error(theta.size());
  jacobian(net, theta, X, exact.data());
  for (Index p = 0; p < theta.size(); ++p) {
    constexpr double kStep = 1e-5;
    Vector above = theta, below = theta;
    above[p] += kStep;
    below[p] -= kStep;
    const double rise = forward(net, above, X)(0, 0) - forward(net, below, X)(0, 0);
    error[p] = rise / (2.0 * kStep) - exact[p];
  }
  std::printf("kernels %s, Eigen %d.%d.%d, error of the Jacobian %.2e\n", kernels::active().isa,
              EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION, error.norm());
  return error.norm() < 1e-9 ? 0 : 1;
}
