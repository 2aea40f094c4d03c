// Taylor coefficients along a curve of parameters against polynomial arithmetic in long double.
#include "precisekit/network/jet.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

void check_jet(const Mlp& net, Index n, int order) {
  Random random(order + net.n_params());
  const Vector theta = random.vector(net.n_params());
  const RowMatrix X = random.matrix(n, net.n_inputs());
  const SampleBlocks samples(X);
  ParameterJet jet(net, samples, order);
  CHECK(jet.order() == order);
  for (int round = 0; round < 2; ++round) {  // start() begins again with the same state
    std::vector<Vector> directions;
    jet.start(theta);
    for (int k = 2; k <= order; ++k) {
      directions.push_back(random.vector(net.n_params(), 0.5));
      RowMatrix c(n, net.n_outputs());
      jet.advance(k, directions.back(), [&](Index b, const double* rows) {
        for (Index s = 0; s < samples.samples(b); ++s) {
          for (Index o = 0; o < net.n_outputs(); ++o) {
            c(samples.first(b) + s, o) = rows[o * kernels::kStride + s];
          }
        }
      });
      const std::vector<Series> along = curve(theta, directions, k);
      for (Index s = 0; s < n; s += 29) {
        const auto truth = reference_forward(net, along, X.row(s).data());
        for (Index o = 0; o < net.n_outputs(); ++o) {
          long double size = 1.0L;
          for (const long double coefficient : truth[o]) size += std::fabs(coefficient);
          CHECK_CLOSE(c(s, o), truth[o][k], 1e-14L * size);
        }
      }
    }
  }
}

}  // namespace

TEST(jet_of_every_smooth_activation) {
  for (const Activation sigma : {Activation::identity, Activation::tanh, Activation::sin,
                                 Activation::sigmoid, Activation::gelu}) {
    check_jet(Mlp({2, 6, 5, 1}, {sigma, sigma}), 150, 8);
  }
}

TEST(jet_of_other_shapes) {
  check_jet(Mlp({3, 2}, {}), 10, 4);
  check_jet(Mlp({1, 4, 2}, {Activation::tanh}), 1, 8);
  check_jet(Mlp({2, 3, 7, 4, 3}, {Activation::gelu, Activation::tanh, Activation::sin}), 300, 5);
}

TEST(jet_of_units_with_activations_of_their_own) {
  const LayerActivation first({Activation::sin, Activation::gelu, Activation::gelu,
                               Activation::tanh, Activation::identity, Activation::sigmoid});
  const LayerActivation second({Activation::tanh, Activation::sin, Activation::sin});
  check_jet(Mlp({2, 6, 3, 2}, {first, second}), 150, 8);
}

TEST(jet_of_modules) {
  const Activation tanh = Activation::tanh;
  check_jet(Mlp(4, {{{0, 1}, {3, 4}, tanh}, {{2, 3}, {5}, tanh}, {{4, 5}, {6, 2}, tanh}}), 150, 8);
  check_jet(Mlp(3, {{{2}, {1, 3}, Activation::sin},
                    {{3, 0}, {4}, Activation::gelu},
                    {{3, 3, 1}, {2}, tanh},
                    {{5, 4}, {}, tanh}}),
            140, 6);
}

TEST(jet_refuses_what_does_not_fit) {
  const SampleBlocks samples(RowMatrix::Zero(3, 2));
  const Mlp relu({2, 3, 1}, {Activation::relu}), tanh({2, 3, 1}, {Activation::tanh});
  CHECK_THROWS(ParameterJet(relu, samples, 2), std::invalid_argument);
  CHECK_THROWS(ParameterJet(tanh, samples, 0), std::invalid_argument);
}
