// The product of the exact Hessian of LeastSquares with a vector, without forming the Hessian.
//
// Forward over reverse (Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation
// 6, 1994): every quantity q of the gradient's computation gets its derivative Rq along
// theta + t v. With v cut into V_l and u_l as theta is into W_l and b_l,
//
//   Rz_l = V_l a_{l-1} + u_l + W_l Ra_{l-1},              Ra_l = s_l'(z_l) Rz_l,
//   Rdelta_L = 2 w / N Rz_L,
//   Rdelta_l = s_l' (V_{l+1}' delta_{l+1} + W_{l+1}' Rdelta_{l+1})
//            + s_l'' W_{l+1}' delta_{l+1} Rz_l,
//
// and the product is, layer by layer, sum over samples of Rdelta_l a_{l-1}' + delta_l Ra_{l-1}'.
// In a graph of modules wires take the place of a_{l-1}; at the end of a module, which is linear,
// the Rdelta of all that use it add up, as the delta do.
#pragma once

#include <vector>

#include "precisekit/objective/least_squares.hpp"

namespace precisekit {

// The workspace of one task, and its sum over some blocks of samples. Layers count from 0.
class HessianVectorSum {
 public:
  HessianVectorSum(const LeastSquares& objective, const double* theta, const double* v)
      : objective_(objective),
        net_(objective.network()),
        theta_(theta),
        v_(v),
        forward_(net_, 2),
        backward_(net_),
        sum_(Vector::Zero(net_.n_params())) {
    Index widest = 0;
    for (const Layer& layer : net_.layers()) {
      for (auto* rows : {&Rz_, &Ra_, &Rdelta_}) rows->emplace_back(layer.n_out * kernels::kStride);
      wired_Ra_.emplace_back(Index(layer.wires.size()) * kernels::kStride);
      widest = std::max({widest, layer.n_out, Index(layer.wires.size())});
    }
    bend_ = Buffer(widest * kernels::kStride);
    unused_bias_ = Buffer(widest);
    unused_bias_.set_zero();
  }

  const Vector& sum() const { return sum_; }

  void add_block(Index b) {
    const SampleBlocks& samples = objective_.samples();
    cols_ = samples.columns(b);
    forward_.run(theta_, samples.block(b), cols_);
    push_forward();
    objective_.block_residual(b, forward_, backward_.seed());
    const double factor = 2.0 / double(objective_.n_residuals());
    objective_.scale_rows(b, factor, backward_.seed());
    seed(b, factor);
    for (const Layer& layer : net_.layers()) {
      for (const Wire& wire : layer.wires) {
        if (!wire.from_inputs()) std::fill_n(Rdelta_[wire.layer].data(), cols_, 0.0);
      }
    }
    backward_.run(theta_, forward_, cols_, [&](Index l, const Layer& layer, const double* delta) {
      accumulate(l, layer, delta);
      if (net_.takes_inputs_only(l)) return;
      layer.wires.empty() ? pull_back(l, layer, delta) : pull_along_wires(l, layer, delta);
    });
  }

 private:
  void push_forward() {
    const kernels::Table& kernel = kernels::active();
    for (Index l = 0; l < net_.n_layers(); ++l) {
      const Layer& layer = net_.layers()[l];
      double* Rz = Rz_[l].data();
      kernel.affine(cols_, layer.n_out, layer.n_in, layer.weights(v_), layer.n_in, 1,
                    layer.bias(v_), nullptr, forward_.input(l), Rz, false);
      gather(l);
      if (!net_.takes_inputs_only(l)) {
        kernel.affine(cols_, layer.n_out, layer.n_in, layer.weights(theta_), layer.n_in, 1, nullptr,
                      nullptr, R_input(l), Rz, true);
      }
      if (l + 1 < net_.n_layers()) {
        multiply(layer.n_out, forward_.first_derivative(l), Rz, nullptr, Ra_[l].data());
      }
    }
  }

  // Ra of what the wires of layer l bring together; the samples do not depend on theta.
  void gather(Index l) {
    double* row = wired_Ra_[l].data();
    for (const Wire& wire : net_.layers()[l].wires) {
      if (wire.from_inputs()) {
        std::fill_n(row, cols_, 0.0);
      } else {
        std::copy_n(Ra_[wire.layer].data(), cols_, row);
      }
      row += kernels::kStride;
    }
  }

  const double* R_input(Index l) const {
    return net_.layers()[l].wires.empty() ? Ra_[l - 1].data() : wired_Ra_[l].data();
  }

  // Rdelta of the last layer, zero in the padding.
  void seed(Index b, double factor) {
    const Index samples = objective_.samples().samples(b);
    for (Index o = 0; o < net_.n_outputs(); ++o) {
      double* row = Rdelta_.back().data() + o * kernels::kStride;
      std::copy_n(Rz_.back().data() + o * kernels::kStride, samples, row);
      std::fill(row + samples, row + cols_, 0.0);
    }
    objective_.scale_rows(b, 1.0, Rdelta_.back().data());
    objective_.scale_rows(b, factor, Rdelta_.back().data());
  }

  void accumulate(Index l, const Layer& layer, const double* delta) {
    const kernels::Table& kernel = kernels::active();
    double* sum = sum_.data();
    kernel.accumulate_gradient(cols_, layer.n_out, layer.n_in, Rdelta_[l].data(), forward_.input(l),
                               sum + layer.offset, sum + layer.bias_offset());
    if (!net_.takes_inputs_only(l)) {
      kernel.accumulate_gradient(cols_, layer.n_out, layer.n_in, delta, R_input(l),
                                 sum + layer.offset, unused_bias_.data());
    }
  }

  // Rdelta of layer l - 1 from that of layer l.
  void pull_back(Index l, const Layer& layer, const double* delta) {
    const kernels::Table& kernel = kernels::active();
    double* Rdelta = Rdelta_[l - 1].data();
    kernel.affine(cols_, layer.n_in, layer.n_out, layer.weights(theta_), 1, layer.n_in, nullptr,
                  forward_.second_derivative(l - 1), delta, bend_.data(), false);
    kernel.affine(cols_, layer.n_in, layer.n_out, layer.weights(v_), 1, layer.n_in, nullptr,
                  nullptr, delta, Rdelta, false);
    kernel.affine(cols_, layer.n_in, layer.n_out, layer.weights(theta_), 1, layer.n_in, nullptr,
                  forward_.first_derivative(l - 1), Rdelta_[l].data(), Rdelta, true);
    multiply(layer.n_in, bend_.data(), Rz_[l - 1].data(), Rdelta, Rdelta);
  }

  // Adds to the Rdelta of the modules that layer l takes, whose ends have s' = 1 and s'' = 0.
  void pull_along_wires(Index l, const Layer& layer, const double* delta) {
    const kernels::Table& kernel = kernels::active();
    double* pulled = bend_.data();
    kernel.affine(cols_, layer.n_in, layer.n_out, layer.weights(v_), 1, layer.n_in, nullptr,
                  nullptr, delta, pulled, false);
    kernel.affine(cols_, layer.n_in, layer.n_out, layer.weights(theta_), 1, layer.n_in, nullptr,
                  nullptr, Rdelta_[l].data(), pulled, true);
    for (const Wire& wire : layer.wires) {
      if (!wire.from_inputs()) {
        double* sum = Rdelta_[wire.layer].data();
        for (Index s = 0; s < cols_; ++s) sum[s] += pulled[s];
      }
      pulled += kernels::kStride;
    }
  }

  // out = addend + X Y, element by element: the product of two Taylor series of order 0.
  void multiply(Index rows, const double* X, const double* Y, const double* addend, double* out) {
    kernels::active().series_product(cols_, rows, 0, 0, 0, X, Y, 0, 1.0, addend, out);
  }

  const LeastSquares& objective_;
  const Mlp& net_;
  const double *theta_, *v_;
  ForwardPass forward_;
  BackwardPass backward_;
  Index cols_ = 0;  // of the block at hand
  std::vector<Buffer> Rz_, Ra_, Rdelta_;
  std::vector<Buffer> wired_Ra_;  // by layer, what its wires bring together
  Buffer bend_;                   // s'' W' delta; what reaches the inputs of a wired layer
  Buffer unused_bias_;
  Vector sum_;
};

// H v, with H the Hessian of objective.value at theta. The second derivative of relu is taken as 0.
// Throws std::invalid_argument for a theta or a v of the wrong size, std::bad_alloc.
inline Vector hessian_vector_product(const LeastSquares& objective, const VectorRef& theta,
                                     const VectorRef& v) {
  const Mlp& net = objective.network();
  net.check_theta(theta);
  if (v.size() != net.n_params()) {
    throw std::invalid_argument("v must have " + std::to_string(net.n_params()) +
                                " elements, got " + std::to_string(v.size()));
  }
  const Index n_blocks = objective.samples().count(), n_tasks = block_tasks(n_blocks);
  Matrix sums(net.n_params(), n_tasks);
  parallel_for(n_tasks, [&](Index task) {
    HessianVectorSum sum(objective, theta.data(), v.data());
    const Range range = task_range(n_blocks, n_tasks, task);
    for (Index b = range.first; b < range.last; ++b) sum.add_block(b);
    sums.col(task) = sum.sum();
  });
  Vector product = sums.col(0);
  for (Index task = 1; task < n_tasks; ++task) product += sums.col(task);
  return product;
}

}  // namespace precisekit
