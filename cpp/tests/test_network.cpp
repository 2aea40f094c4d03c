// Networks and their parameter Jacobians against long double.
#include "precisekit/network/mlp.hpp"

#include "harness.hpp"
#include "precisekit/network/activation.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

void check_network(const Mlp& net, Index n) {
  Random random(n + net.n_params());
  const Vector theta = random.vector(net.n_params());
  const RowMatrix X = random.matrix(n, net.n_inputs());
  const Index m = net.n_outputs(), P = net.n_params();
  const RowMatrix f = forward(net, theta, X);
  const std::vector<long double> extended = forward_extended(net, theta, X);
  std::vector<double> J(n * m * P);
  jacobian(net, theta, X, J.data());
  CHECK(f.rows() == n && f.cols() == m);
  for (Index s = 0; s < n; ++s) {
    const auto truth = reference_forward(net, curve(theta, {}, 0), X.row(s).data());
    for (Index o = 0; o < m; ++o) {
      CHECK_CLOSE(f(s, o), truth[o][0], 1e-14);
      CHECK_CLOSE(extended[s * m + o], truth[o][0], 1e-17);
    }
    if (s % 37 != 0) continue;
    for (Index p = 0; p < P; ++p) {
      const auto slope =
          reference_forward(net, curve(theta, {Vector::Unit(P, p)}, 1), X.row(s).data());
      for (Index o = 0; o < m; ++o) CHECK_CLOSE(J[(p * m + o) * n + s], slope[o][1], 2e-14);
    }
  }
}

}  // namespace

TEST(network_forward_and_jacobian) {
  for (const Activation sigma : {Activation::identity, Activation::tanh, Activation::relu,
                                 Activation::sin, Activation::sigmoid, Activation::gelu}) {
    check_network(Mlp({2, 7, 5, 1}, {sigma, sigma}), 150);
  }
  check_network(Mlp({3, 2}, {}), 5);
  check_network(Mlp({1, 4, 6, 3, 2}, {Activation::tanh, Activation::gelu, Activation::sin}), 1);
  check_network(Mlp({4, 9, 3}, {Activation::tanh}), 128);
}

TEST(network_with_activations_by_unit) {
  const std::vector<Activation> three{Activation::tanh, Activation::sin, Activation::sin};
  const Mlp net({2, 3, 4, 1}, {LayerActivation(three), Activation::gelu});
  check_network(net, 150);
  const std::vector<UnitGroup>& groups = net.layers()[0].groups;
  CHECK(groups.size() == 2 && groups[0].count == 1 && groups[1].first == 1 && groups[1].count == 2);
  CHECK(net.layers()[1].groups.size() == 1 && net.layers()[2].groups.empty());
  CHECK(net.layers()[0].has(Activation::sin) && !net.layers()[0].has(Activation::gelu));
  CHECK(net.is_smooth() && !Mlp({1, 1, 1}, {Activation::relu}).is_smooth());
  CHECK_THROWS(Mlp({2, 4, 1}, {LayerActivation(three)}), std::invalid_argument);
  CHECK_THROWS(Mlp({2, 4, 1}, {LayerActivation(std::vector<Activation>{})}), std::invalid_argument);
}

TEST(network_of_modules) {
  const Activation tanh = Activation::tanh;
  check_network(Mlp(4, {{{0, 1}, {3, 4}, tanh}, {{2, 3}, {5}, tanh}, {{4, 5}, {6, 2}, tanh}}), 150);
  // one output that two modules use, with an input beside it; a single unit; a module without one
  check_network(Mlp(3, {{{2}, {1, 3}, Activation::sin},
                        {{3, 0}, {4}, Activation::gelu},
                        {{3, 3, 1}, {2}, tanh},
                        {{5, 4}, {}, tanh}}),
                40);
  check_network(Mlp(2, {{{1, 0}, {5}, tanh}}), 10);
  const Mlp net(3, {{{0}, {2}, Activation::relu}, {{3, 2}, {4}, tanh}});
  CHECK(net.n_params() == 4 + 3 + 12 + 5 && net.n_outputs() == 1 && !net.is_smooth());
  CHECK(!net.is_chain() && Mlp({2, 1}, {}).is_chain());
  CHECK(net.takes_inputs_only(0) && !net.takes_inputs_only(1) && !net.takes_inputs_only(2));
  CHECK_THROWS(Mlp(2, std::vector<Module>{}), std::invalid_argument);
  CHECK_THROWS(Mlp(2, {{{0, 2}, {3}, tanh}}), std::invalid_argument);
  CHECK_THROWS(Mlp(2, {{{-1}, {3}, tanh}}), std::invalid_argument);
  CHECK_THROWS(Mlp(2, {{{}, {3}, tanh}}), std::invalid_argument);
  CHECK_THROWS(Mlp(2, {{{0}, {0}, tanh}}), std::invalid_argument);
}

TEST(network_of_no_samples) {
  const Mlp net({2, 3, 1}, {Activation::tanh});
  CHECK(forward(net, Vector::Zero(net.n_params()), RowMatrix(0, 2)).rows() == 0);
}

TEST(network_layout_is_that_of_torch) {
  const Mlp net({2, 3, 1}, {Activation::tanh});
  CHECK(net.n_params() == 13 && net.n_inputs() == 2 && net.n_outputs() == 1);
  CHECK(net.layers()[0].offset == 0 && net.layers()[0].bias_offset() == 6);
  CHECK(net.layers()[1].offset == 9 && net.layers()[1].bias_offset() == 12);
}

TEST(network_refuses_what_does_not_fit) {
  using Sizes = std::vector<Index>;
  CHECK_THROWS(Mlp(Sizes{2}, {}), std::invalid_argument);
  CHECK_THROWS(Mlp(Sizes{2, 0, 1}, {Activation::tanh}), std::invalid_argument);
  CHECK_THROWS(Mlp(Sizes{2, 3, 1}, {}), std::invalid_argument);
  const Mlp net({2, 3, 1}, {Activation::tanh});
  CHECK_THROWS(forward(net, Vector::Zero(12), RowMatrix::Zero(4, 2)), std::invalid_argument);
  CHECK_THROWS(forward(net, Vector::Zero(13), RowMatrix::Zero(4, 3)), std::invalid_argument);
}

TEST(network_activation_names) {
  for (const auto& [name, activation] : kActivationNames) {
    CHECK(activation_from_name(name) == activation && activation_name(activation) == name);
  }
  CHECK_THROWS(activation_from_name("Tanh"), std::invalid_argument);
}
