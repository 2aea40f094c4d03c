// A multilayer perceptron: f(x) = W_L s_{L-1}( ... s_1(W_1 x + b_1) ... ) + b_L, or a graph of
// small ones: each module is a chain of layers of its own that makes one number of a few, which are
// coordinates of x or what other modules made.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"

namespace precisekit {

// Neighbouring units of a layer that share their activation.
struct UnitGroup {
  Activation activation;
  Index first, count;
};

// The activation of all units of a layer, or of each of them.
struct LayerActivation {
  LayerActivation(Activation all) : units{all} {}
  explicit LayerActivation(std::vector<Activation> each) : units(std::move(each)) {}

  std::vector<Activation> units;
};

// Where a layer that does not follow the one before gets an input from.
struct Wire {
  static constexpr Index kInputs = -1;
  Index layer;  // one with a single unit, the end of a module; or kInputs
  Index unit;   // coordinate of x

  bool from_inputs() const { return layer == kInputs; }
};

struct Layer {
  Index n_in, n_out;
  Index offset;                   // of W (n_out x n_in, row-major) in theta; b follows it
  std::vector<UnitGroup> groups;  // from the first unit to the last; none in the last layer
  std::vector<Wire> wires;        // one for each input; none where it takes the layer before

  bool has(Activation activation) const {
    for (const UnitGroup& group : groups) {
      if (group.activation == activation) return true;
    }
    return false;
  }
  Index bias_offset() const { return offset + n_out * n_in; }
  Index end() const { return offset + n_out * (n_in + 1); }
  const double* weights(const double* theta) const { return theta + offset; }
  const double* bias(const double* theta) const { return theta + bias_offset(); }
};

// A module of a graph of networks. Its output is linear, with no activation between modules.
struct Module {
  std::vector<Index>
      inputs;  // below n_inputs: coordinates of x; n_inputs + i: the output of module i
  std::vector<Index> hidden;  // widths
  Activation activation;
};

// The architecture alone; the parameters are one vector theta, layer by layer, W row-major and
// then b: the order of PyTorch's nn.Linear.
class Mlp {
 public:
  // sizes: inputs, hidden layers, outputs. activations: one for each hidden layer.
  // Throws std::invalid_argument for fewer than two sizes, a size below 1 or a wrong number of
  // activations, of the layers or of a layer's units.
  Mlp(const std::vector<Index>& sizes, const std::vector<LayerActivation>& activations)
      : sizes_(sizes) {
    if (sizes.size() < 2) {
      throw std::invalid_argument("sizes must name at least the inputs and the outputs");
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] < 1) {
        throw std::invalid_argument("sizes[" + std::to_string(i) + "] must be at least 1, got " +
                                    std::to_string(sizes[i]));
      }
    }
    if (activations.size() != sizes.size() - 2) {
      throw std::invalid_argument("activation must name one function for each of the " +
                                  std::to_string(sizes.size() - 2) + " hidden layers, got " +
                                  std::to_string(activations.size()));
    }
    Index offset = 0;
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      const bool last = l + 2 == sizes.size();
      layers_.push_back({sizes[l], sizes[l + 1], offset, {}, {}});
      if (!last) layers_.back().groups = grouped(l, sizes[l + 1], activations[l].units);
      offset = layers_.back().end();
    }
  }

  // A graph of modules, in an order in which each uses earlier ones only. The output is the last
  // module's. In sizes() the number of inputs is followed by the units of all layers in turn.
  // Throws std::invalid_argument for no modules, an input that is not there, or a width below 1.
  Mlp(Index n_inputs, const std::vector<Module>& modules) : sizes_{n_inputs}, is_chain_(false) {
    if (n_inputs < 1 || modules.empty()) {
      throw std::invalid_argument("a graph needs inputs and modules");
    }
    std::vector<Index> ends;  // the last layer of each module
    for (const Module& module : modules) {
      const std::string name = "modules[" + std::to_string(ends.size()) + "]";
      std::vector<Wire> wires;
      for (Index input : module.inputs) {
        if (input < 0 || input >= n_inputs + Index(ends.size())) {
          throw std::invalid_argument(name +
                                      " has an input that is neither a coordinate nor an "
                                      "earlier module: " +
                                      std::to_string(input));
        }
        wires.push_back(input < n_inputs ? Wire{Wire::kInputs, input}
                                         : Wire{ends[input - n_inputs], 0});
      }
      if (wires.empty()) throw std::invalid_argument(name + " has no inputs");
      for (Index width : module.hidden) {
        if (width < 1) throw std::invalid_argument(name + " has a layer without units");
        append(width, module.activation, wires);
        wires.clear();
      }
      append(1, Activation::identity, wires);
      ends.push_back(n_layers() - 1);
    }
    layers_.back().groups.clear();
  }

  const std::vector<Index>& sizes() const { return sizes_; }
  const std::vector<Layer>& layers() const { return layers_; }
  Index n_layers() const { return Index(layers_.size()); }
  Index n_inputs() const { return sizes_.front(); }
  Index n_outputs() const { return sizes_.back(); }
  Index n_params() const { return layers_.back().end(); }

  // Whether each layer takes the one before: no graph.
  bool is_chain() const { return is_chain_; }
  // Whether only coordinates of x enter layer l.
  bool takes_inputs_only(Index l) const {
    if (layers_[l].wires.empty()) return l == 0;
    for (const Wire& wire : layers_[l].wires) {
      if (!wire.from_inputs()) return false;
    }
    return true;
  }

  // Whether every activation has a Taylor series everywhere (relu has none at 0).
  bool is_smooth() const {
    for (const Layer& layer : layers_) {
      if (layer.has(Activation::relu)) return false;
    }
    return true;
  }

  // Throw std::invalid_argument, naming the argument, when a size does not fit.
  void check_theta(const VectorRef& theta) const {
    if (theta.size() != n_params()) {
      throw std::invalid_argument("theta must have " + std::to_string(n_params()) +
                                  " elements, got " + std::to_string(theta.size()));
    }
  }
  void check_X(const RowMatrixRef& X) const {
    if (X.cols() != n_inputs()) {
      throw std::invalid_argument("X must have " + std::to_string(n_inputs()) + " columns, got " +
                                  std::to_string(X.cols()));
    }
  }

 private:
  static std::vector<UnitGroup> grouped(std::size_t layer, Index width,
                                        const std::vector<Activation>& units) {
    if (units.size() == 1) return {{units[0], 0, width}};
    if (Index(units.size()) != width) {
      throw std::invalid_argument("activation[" + std::to_string(layer) +
                                  "] must name one function for all or for each of the " +
                                  std::to_string(width) + " units, got " +
                                  std::to_string(units.size()));
    }
    std::vector<UnitGroup> groups;
    for (Index i = 0; i < width; ++i) {
      if (groups.empty() || groups.back().activation != units[i])
        groups.push_back({units[i], i, 0});
      ++groups.back().count;
    }
    return groups;
  }

  // A layer after the last one, or wired where there are wires.
  void append(Index width, Activation activation, const std::vector<Wire>& wires) {
    const Index offset = layers_.empty() ? 0 : layers_.back().end();
    const Index n_in = wires.empty() ? layers_.back().n_out : Index(wires.size());
    layers_.push_back({n_in, width, offset, {{activation, 0, width}}, wires});
    sizes_.push_back(width);
  }

  std::vector<Index> sizes_;
  std::vector<Layer> layers_;
  bool is_chain_ = true;
};

// Samples cut into blocks of kBlock columns, one row a coordinate, the last block padded by zeros.
class SampleBlocks {
 public:
  explicit SampleBlocks(const RowMatrixRef& X) : n_(X.rows()), rows_(X.cols()) {
    data_ = Buffer(count() * rows_ * kernels::kStride);
    data_.set_zero();
    for (Index b = 0; b < count(); ++b) {
      for (Index k = 0; k < rows_; ++k) {
        double* row = block(b) + k * kernels::kStride;
        for (Index s = 0; s < samples(b); ++s) row[s] = X(first(b) + s, k);
      }
    }
  }

  // Room for n samples, all zero.
  SampleBlocks(Index n, Index rows) : n_(n), rows_(rows), data_(count() * rows * kernels::kStride) {
    data_.set_zero();
  }

  // Fills it with the samples of `source` from `first` on, counted modulo their number.
  void assign_cyclic(const SampleBlocks& source, Index first) {
    Index run;
    for (Index s = 0; s < n_; s += run) {
      const Index from = (first + s) % source.n_;
      const Index b = s / kernels::kBlock, c = s % kernels::kBlock;
      const Index source_b = from / kernels::kBlock, source_c = from % kernels::kBlock;
      run = std::min(samples(b) - c, source.samples(source_b) - source_c);
      for (Index k = 0; k < rows_; ++k) {
        std::copy_n(source.block(source_b) + k * kernels::kStride + source_c, run,
                    block(b) + k * kernels::kStride + c);
      }
    }
  }

  Index n() const { return n_; }
  Index rows() const { return rows_; }
  Index count() const { return (n_ + kernels::kBlock - 1) / kernels::kBlock; }
  Index first(Index b) const { return b * kernels::kBlock; }
  Index samples(Index b) const { return std::min(kernels::kBlock, n_ - first(b)); }
  Index columns(Index b) const {
    const Index m = kernels::kColumnMultiple;
    return (samples(b) + m - 1) / m * m;
  }
  double* block(Index b) { return data_.data() + b * rows_ * kernels::kStride; }
  const double* block(Index b) const { return data_.data() + b * rows_ * kernels::kStride; }

 private:
  Index n_, rows_;
  Buffer data_;
};

// The values that a pass over one block leaves behind: for each layer the activations and, where
// asked for, sigma' and sigma'' at its pre-activations.
class ForwardPass {
 public:
  explicit ForwardPass(const Mlp& net, int derivatives) : net_(&net), derivatives_(derivatives) {
    Index rows = 0, wires = 0;
    for (const Layer& layer : net.layers()) {
      rows += layer.n_out;
      wires += Index(layer.wires.size());
    }
    values_ = Buffer((rows * (1 + derivatives) + wires) * kernels::kStride);
    double* p = values_.data();
    for (const Layer& layer : net.layers()) {
      const Index size = layer.n_out * kernels::kStride;
      wired_.push_back(layer.wires.empty() ? nullptr : p);
      p += Index(layer.wires.size()) * kernels::kStride;
      a_.push_back(p);
      d1_.push_back(derivatives >= 1 ? p + size : nullptr);
      d2_.push_back(derivatives >= 2 ? p + 2 * size : nullptr);
      p += size * (1 + derivatives);
    }
  }

  void run(const double* theta, const double* x, Index cols) {
    const kernels::Table& kernel = kernels::active();
    x_ = x;
    for (Index l = 0; l < net_->n_layers(); ++l) {
      const Layer& layer = net_->layers()[l];
      for (std::size_t i = 0; i < layer.wires.size(); ++i) {
        const Wire& wire = layer.wires[i];
        const double* source =
            wire.from_inputs() ? x + wire.unit * kernels::kStride : a_[wire.layer];
        std::copy_n(source, cols, wired_[l] + Index(i) * kernels::kStride);
      }
      if (layer.groups.empty()) affine(l, {Activation::identity, 0, layer.n_out}, theta, cols);
      for (const UnitGroup& group : layer.groups) {
        affine(l, group, theta, cols);
        const auto rows = [&](double* p) { return p ? p + group.first * kernels::kStride : p; };
        double* a = rows(a_[l]);
        kernel.activate(group.activation, cols, group.count, a, a, rows(d1_[l]), rows(d2_[l]));
      }
    }
  }

  // Rows that enter layer l, counted from 0: the samples, the activations of layer l - 1, or what
  // its wires brought together.
  const double* input(Index l) const {
    if (wired_[l]) return wired_[l];
    return l == 0 ? x_ : a_[l - 1];
  }
  const double* output() const { return a_.back(); }
  const double* first_derivative(Index l) const { return d1_[l]; }
  const double* second_derivative(Index l) const { return d2_[l]; }

 private:
  // Pre-activations. Outputs, of the network, a module or a stage, have terms larger than their sum.
  void affine(Index l, const UnitGroup& group, const double* theta, Index cols) {
    const kernels::Table& kernel = kernels::active();
    const Layer& layer = net_->layers()[l];
    const double* weights = layer.weights(theta) + group.first * layer.n_in;
    const double* bias = layer.bias(theta) + group.first;
    double* z = a_[l] + group.first * kernels::kStride;
    if (group.activation == Activation::identity) {
      kernel.compensated_affine(cols, group.count, layer.n_in, weights, bias, input(l), z);
    } else {
      kernel.affine(cols, group.count, layer.n_in, weights, layer.n_in, 1, bias, nullptr, input(l),
                    z, false);
    }
  }

  const Mlp* net_;
  int derivatives_;
  Buffer values_;
  std::vector<double*> wired_, a_, d1_, d2_;
  const double* x_ = nullptr;
};

// The adjoints of a block, from the outputs back: with delta = dF/dz at layer l,
// dF/dW_l = delta a_{l-1}', and dF/dz at layer l - 1 is (W_l' delta) sigma'. At the end of a module,
// the deltas of all that use it add up.
class BackwardPass {
 public:
  explicit BackwardPass(const Mlp& net) : net_(&net) {
    Index rows = 0, wires = 0;
    for (const Layer& layer : net.layers()) {
      rows += layer.n_out;
      wires = std::max(wires, Index(layer.wires.size()));
    }
    values_ = Buffer((rows + wires) * kernels::kStride);
    double* p = values_.data();
    for (const Layer& layer : net.layers()) {
      delta_.push_back(p);
      p += layer.n_out * kernels::kStride;
    }
    pulled_ = p;
  }

  double* seed() { return delta_.back(); }
  double* delta(Index l) { return delta_[l]; }

  // Visits the layers from last to first: visit(l, layer, delta_l).
  template <class Visit>
  void run(const double* theta, const ForwardPass& forward, Index cols, Visit&& visit) {
    const kernels::Table& kernel = kernels::active();
    for (const Layer& layer : net_->layers()) {
      for (const Wire& wire : layer.wires) {
        if (!wire.from_inputs()) std::fill_n(delta_[wire.layer], cols, 0.0);
      }
    }
    for (Index l = net_->n_layers() - 1; l >= 0; --l) {
      const Layer& layer = net_->layers()[l];
      visit(l, layer, delta_[l]);
      if (net_->takes_inputs_only(l)) continue;
      if (!layer.wires.empty()) {
        pull_along_wires(theta, layer, delta_[l], cols);
      } else {
        kernel.affine(cols, layer.n_in, layer.n_out, layer.weights(theta), 1, layer.n_in, nullptr,
                      forward.first_derivative(l - 1), delta_[l], delta_[l - 1], false);
      }
    }
  }

 private:
  void pull_along_wires(const double* theta, const Layer& layer, const double* delta, Index cols) {
    kernels::active().affine(cols, layer.n_in, layer.n_out, layer.weights(theta), 1, layer.n_in,
                             nullptr, nullptr, delta, pulled_, false);
    for (std::size_t i = 0; i < layer.wires.size(); ++i) {
      if (layer.wires[i].from_inputs()) continue;
      const double* pulled = pulled_ + Index(i) * kernels::kStride;
      double* sum = delta_[layer.wires[i].layer];
      for (Index s = 0; s < cols; ++s) sum[s] += pulled[s];
    }
  }

  const Mlp* net_;
  Buffer values_;
  std::vector<double*> delta_;
  double* pulled_;  // what reaches the inputs of a wired layer
};

// Blocks are dealt to tasks of a few blocks each; a task keeps its own workspace.
inline Index block_tasks(Index n_blocks) { return std::clamp<Index>(n_blocks / 4, 1, 64); }

// f(x) at every row of X: n x n_outputs.
// Throws std::invalid_argument for a theta or an X of the wrong size.
inline RowMatrix forward(const Mlp& net, const VectorRef& theta, const RowMatrixRef& X) {
  net.check_theta(theta);
  net.check_X(X);
  const SampleBlocks samples(X);
  RowMatrix f(X.rows(), net.n_outputs());
  const Index n_tasks = block_tasks(samples.count());
  parallel_for(n_tasks, [&](Index task) {
    ForwardPass pass(net, 0);
    const Range range = task_range(samples.count(), n_tasks, task);
    for (Index b = range.first; b < range.last; ++b) {
      pass.run(theta.data(), samples.block(b), samples.columns(b));
      for (Index s = 0; s < samples.samples(b); ++s) {
        for (Index o = 0; o < net.n_outputs(); ++o) {
          f(samples.first(b) + s, o) = pass.output()[o * kernels::kStride + s];
        }
      }
    }
  });
  return f;
}

// The Jacobian of output `o` on one block whose forward pass is done: column p at
// out[p * ld + s], for the first n_samples columns. The seed may carry a weight for each sample.
inline void block_jacobian(const Mlp& net, const double* theta, const ForwardPass& forward,
                           BackwardPass& backward, Index o, const double* seed, Index n_samples,
                           Index cols, double* out, Index ld) {
  const kernels::Table& kernel = kernels::active();
  for (Index k = 0; k < net.n_outputs(); ++k) {
    double* row = backward.seed() + k * kernels::kStride;
    for (Index s = 0; s < cols; ++s) row[s] = k == o ? (seed ? seed[s] : 1.0) : 0.0;
  }
  backward.run(theta, forward, cols, [&](Index l, const Layer& layer, const double* delta) {
    kernel.pair_products(n_samples, layer.n_out, layer.n_in, delta, forward.input(l),
                         out + layer.offset * ld, ld);
    for (Index i = 0; i < layer.n_out; ++i) {
      std::copy_n(delta + i * kernels::kStride, n_samples, out + (layer.bias_offset() + i) * ld);
    }
  });
}

// df/dtheta: for output o, parameter p and sample s at out[(p * n_outputs + o) * n + s].
// Throws std::invalid_argument for a theta or an X of the wrong size.
inline void jacobian(const Mlp& net, const VectorRef& theta, const RowMatrixRef& X, double* out) {
  net.check_theta(theta);
  net.check_X(X);
  const SampleBlocks samples(X);
  const Index n = X.rows(), m = net.n_outputs(), n_tasks = block_tasks(samples.count());
  parallel_for(n_tasks, [&](Index task) {
    ForwardPass forward(net, 1);
    BackwardPass backward(net);
    const Range range = task_range(samples.count(), n_tasks, task);
    for (Index b = range.first; b < range.last; ++b) {
      forward.run(theta.data(), samples.block(b), samples.columns(b));
      for (Index o = 0; o < m; ++o) {
        block_jacobian(net, theta.data(), forward, backward, o, nullptr, samples.samples(b),
                       samples.columns(b), out + o * n + samples.first(b), m * n);
      }
    }
  });
}

// sigma(z) in extended precision, by the C library.
inline long double activate_extended(Activation sigma, long double z) {
  switch (sigma) {
    case Activation::tanh: return std::tanh(z);
    case Activation::relu: return std::max(z, 0.0L);
    case Activation::sin: return std::sin(z);
    case Activation::sigmoid: return 1.0L / (1.0L + std::exp(-z));
    case Activation::gelu: return z * 0.5L * std::erfc(-z * 0.70710678118654752440L);
    case Activation::identity: break;
  }
  return z;
}

// f in extended precision (long double), with the activations of the C library: what the same
// parameters give before rounding. Slow; used to measure the rounding floor.
inline std::vector<long double> forward_extended(const Mlp& net, const VectorRef& theta,
                                                 const RowMatrixRef& X) {
  net.check_theta(theta);
  net.check_X(X);
  std::vector<long double> f(X.rows() * net.n_outputs());
  parallel_for(X.rows(), [&](Index s) {
    std::vector<long double> a(X.cols()), z, first(net.n_layers());
    for (Index k = 0; k < X.cols(); ++k) a[k] = X(s, k);
    for (Index l = 0; l < net.n_layers(); ++l) {
      const Layer& layer = net.layers()[l];
      if (!layer.wires.empty()) a.clear();
      for (const Wire& wire : layer.wires) {
        a.push_back(wire.from_inputs() ? X(s, wire.unit) : first[wire.layer]);
      }
      z.assign(layer.n_out, 0.0L);
      for (Index i = 0; i < layer.n_out; ++i) {
        const double* w = layer.weights(theta.data()) + i * layer.n_in;
        long double sum = layer.bias(theta.data())[i];
        for (Index k = 0; k < layer.n_in; ++k) sum += w[k] * a[k];
        z[i] = sum;
      }
      for (const UnitGroup& group : layer.groups) {
        for (Index i = group.first; i < group.first + group.count; ++i) {
          z[i] = activate_extended(group.activation, z[i]);
        }
      }
      a.swap(z);
      first[l] = a[0];
    }
    std::copy(a.begin(), a.end(), f.begin() + s * net.n_outputs());
  });
  return f;
}

}  // namespace precisekit
