// Taylor coefficients of a network's outputs along a curve through parameter space:
//
//   f(theta + d_1 t + d_2 t^2 + ...) = f_0 + f_1 t + f_2 t^2 + ...
//
// The curve is built order by order: c_k is f_k with d_k still zero, which is what Taylor-LM needs
// to choose d_k. Each activation obeys a' = u z' with a recurrence of its own for u (Griewank and
// Walther, Evaluating Derivatives, ch. 13).
#pragma once

#include <stdexcept>

#include "precisekit/network/mlp.hpp"

namespace precisekit {

class ParameterJet {
 public:
  // Memory: about 3 (order + 1) doubles for each sample and hidden unit (6 with gelu).
  // Throws std::invalid_argument for a network that is not smooth or an order below 1.
  ParameterJet(const Mlp& net, const SampleBlocks& samples, int order)
      : net_(net), samples_(&samples), order_(order), directions_(order + 1) {
    if (!net.is_smooth()) throw std::invalid_argument("relu has no Taylor series at its kink");
    if (order < 1) throw std::invalid_argument("order must be at least 1");
    Index size = 0;
    for (Index l = 0; l < net.n_layers(); ++l) {
      const Layer& layer = net.layers()[l];
      const Index wires = Index(layer.wires.size());
      wired_offset_.push_back(size);
      size += (order + 1) * wires * kernels::kStride;
      most_wires_ = std::max(most_wires_, wires);
      if (l + 1 == net.n_layers()) break;
      const Index series = (order + 1) * layer.n_out * kernels::kStride;
      series_offset_.push_back(size);
      size += series * (layer.has(Activation::gelu) ? 6 : 3);
      widest_ = std::max(widest_, layer.n_out);
    }
    block_size_ = size;
    state_ = Buffer(size * samples.count());
    packed_.resize(net.n_layers());
  }

  int order() const { return order_; }

  // Order 0 at theta.
  void start(const VectorRef& theta) {
    net_.check_theta(theta);
    theta_ = theta;
    parallel_for(samples_->count(), [&](Index b) {
      const kernels::Table& kernel = kernels::active();
      const Index cols = samples_->columns(b);
      for (Index l = 0; l + 1 < net_.n_layers(); ++l) {
        const Layer& layer = net_.layers()[l];
        Series s = series(b, l);
        gather(b, l, 0);
        kernel.affine(cols, layer.n_out, layer.n_in, layer.weights(theta_.data()), layer.n_in, 1,
                      layer.bias(theta_.data()), nullptr, input(b, l), s.a, false);
        for (const UnitGroup& group : layer.groups) {
          const Series units = s.from(group.first);
          if (group.activation == Activation::gelu) start_gelu(cols, group.count, units);
          kernel.activate(group.activation, cols, group.count, units.a, units.a, units.u, nullptr);
        }
      }
      gather(b, net_.n_layers() - 1, 0);
    });
  }

  // Adds the direction d of order k - 1 and computes c_k; sink(b, rows) receives the rows of c_k
  // of block b. To be called with k = 2, 3, ..., order after start().
  // Throws std::invalid_argument for another k or a d of the wrong size.
  template <class Sink>
  void advance(int k, const Vector& d, Sink&& sink) {
    if (k < 2 || k > order_) throw std::invalid_argument("k must be in 2 ... order");
    net_.check_theta(d);
    directions_[k - 1] = d;
    for (Index l = 0; l < net_.n_layers(); ++l) {
      if (!net_.takes_inputs_only(l)) pack_weights(k, l);
    }
    parallel_for(samples_->count(), [&](Index b) {
      const Index ends = net_.is_chain() ? 0 : net_.n_layers();
      Buffer workspace((2 * widest_ + most_wires_ + ends + net_.n_outputs()) * kernels::kStride);
      add_direction(k - 1, b, workspace.data());
      double* output = workspace.data() + (2 * widest_ + most_wires_ + ends) * kernels::kStride;
      next_order(k, b, output);
      sink(b, output);
    });
  }

 private:
  // The series of one layer on one block; zt_k = k z_k. The last three are for gelu alone.
  struct Series {
    double *a, *zt, *u;
    double *z, *density, *slope;  // z, g(z) and z g(z), with g the normal density
    Index stride;                 // between orders

    // The series from unit `first` on.
    Series from(Index first) const {
      const Index skip = first * kernels::kStride;
      return {a + skip, zt + skip, u + skip, z + skip, density + skip, slope + skip, stride};
    }
  };

  Series series(Index b, Index l) {
    const Index rows = net_.layers()[l].n_out * kernels::kStride;
    const Index size = (order_ + 1) * rows;
    double* p = state_.data() + b * block_size_ + series_offset_[l];
    return {p, p + size, p + 2 * size, p + 3 * size, p + 4 * size, p + 5 * size, rows};
  }
  // The series that enters layer l, n_in rows an order; of the samples themselves order 0 alone.
  const double* input(Index b, Index l) {
    if (!net_.layers()[l].wires.empty()) return wired(b, l);
    return l == 0 ? samples_->block(b) : series(b, l - 1).a;
  }
  double* wired(Index b, Index l) { return state_.data() + b * block_size_ + wired_offset_[l]; }

  // Coefficient k of what the wires of layer l bring together.
  void gather(Index b, Index l, int k) {
    const Layer& layer = net_.layers()[l];
    double* row = wired(b, l) + k * Index(layer.wires.size()) * kernels::kStride;
    for (const Wire& wire : layer.wires) {
      if (!wire.from_inputs()) {
        const Series end = series(b, wire.layer);
        std::copy_n(end.a + k * end.stride, kernels::kStride, row);
      } else if (k == 0) {
        std::copy_n(samples_->block(b) + wire.unit * kernels::kStride, kernels::kStride, row);
      } else {
        std::fill_n(row, kernels::kStride, 0.0);
      }
      row += kernels::kStride;
    }
  }

  void start_gelu(Index cols, Index rows, const Series& s) const {
    for (Index i = 0; i < rows; ++i) {
      for (Index c = i * kernels::kStride; c < i * kernels::kStride + cols; ++c) {
        const double z = s.a[c];
        s.z[c] = z;
        s.density[c] = 0.39894228040143267794 * std::exp(-0.5 * z * z);
        s.slope[c] = z * s.density[c];
      }
    }
  }

  // All weights that meet the series of layer l's input at order k, side by side:
  // z_k = [D_{k-1} ... D_1 W] [a_1; ...; a_k]. Hidden layers carry the factor k of zt_k.
  void pack_weights(int k, Index l) {
    const Layer& layer = net_.layers()[l];
    const double factor = l + 1 < net_.n_layers() ? k : 1;
    Buffer& packed = packed_[l];
    if (packed.size() == 0) packed = Buffer(layer.n_out * layer.n_in * order_);
    double* out = packed.data();
    for (Index i = 0; i < layer.n_out; ++i) {
      for (int m = 1; m <= k; ++m) {
        const double* from = (m == k ? theta_ : directions_[k - m]).data();
        const double* row = layer.weights(from) + i * layer.n_in;
        for (Index q = 0; q < layer.n_in; ++q) *out++ = factor * row[q];
      }
    }
  }

  // Coefficient k of every layer was computed with d_k = 0; this adds what d_k contributes.
  void add_direction(int k, Index b, double* workspace) {
    const kernels::Table& kernel = kernels::active();
    const Index cols = samples_->columns(b);
    const double* d = directions_[k].data();
    double* dz = workspace;
    double* da = workspace + widest_ * kernels::kStride;
    double* wired_da = da + widest_ * kernels::kStride;
    double* end_da = wired_da + most_wires_ * kernels::kStride;  // of each layer that ends a module
    for (Index l = 0; l + 1 < net_.n_layers(); ++l) {
      const Layer& layer = net_.layers()[l];
      const Series s = series(b, l);
      kernel.affine(cols, layer.n_out, layer.n_in, layer.weights(d), layer.n_in, 1, layer.bias(d),
                    nullptr, input(b, l), dz, false);
      if (!layer.wires.empty()) {
        gather(b, l, k);
        gather_correction(layer, end_da, wired_da);
      }
      if (!net_.takes_inputs_only(l)) {
        kernel.affine(cols, layer.n_out, layer.n_in, layer.weights(theta_.data()), layer.n_in, 1,
                      nullptr, nullptr, layer.wires.empty() ? da : wired_da, dz, true);
      }
      double* zt = s.zt + k * s.stride;
      double* a = s.a + k * s.stride;
      if (k == 1) {
        std::fill_n(zt, s.stride, 0.0);
        std::fill_n(a, s.stride, 0.0);
      }
      kernel.series_correct(cols, layer.n_out, k, dz, s.u, zt, a, da);
      if (!net_.is_chain() && layer.n_out == 1) {
        std::copy_n(da, kernels::kStride, end_da + l * kernels::kStride);
      }
    }
    gather(b, net_.n_layers() - 1, k);
  }

  static void gather_correction(const Layer& layer, const double* end_da, double* row) {
    for (const Wire& wire : layer.wires) {
      if (wire.from_inputs()) {
        std::fill_n(row, kernels::kStride, 0.0);
      } else {
        std::copy_n(end_da + wire.layer * kernels::kStride, kernels::kStride, row);
      }
      row += kernels::kStride;
    }
  }

  void next_order(int k, Index b, double* output) {
    const kernels::Table& kernel = kernels::active();
    const Index cols = samples_->columns(b);
    for (Index l = 0; l + 1 < net_.n_layers(); ++l) {
      const Layer& layer = net_.layers()[l];
      const Series s = series(b, l);
      for (const UnitGroup& group : layer.groups) {
        next_u(group.activation, k - 1, cols, group.count, s.from(group.first));
      }
      double* zt = s.zt + k * s.stride;
      const bool constant_input = net_.takes_inputs_only(l);
      if (constant_input) {
        std::fill_n(zt, s.stride, 0.0);
      } else {
        gather(b, l, k);
        packed_product(k, cols, b, l, zt);
      }
      const int last = constant_input ? k - 1 : k;
      kernel.series_product(cols, layer.n_out, k, 1, last, s.zt, s.u, s.stride, 1.0 / k, nullptr,
                            s.a + k * s.stride);
    }
    const Index last = net_.n_layers() - 1;
    if (net_.takes_inputs_only(last)) {
      std::fill_n(output, net_.n_outputs() * kernels::kStride, 0.0);
    } else {
      gather(b, last, k);
      packed_product(k, cols, b, last, output);
    }
  }

  void packed_product(int k, Index cols, Index b, Index l, double* out) {
    const Layer& layer = net_.layers()[l];
    const Index depth = k * layer.n_in;
    kernels::active().affine(cols, layer.n_out, depth, packed_[l].data(), depth, 1, nullptr,
                             nullptr, input(b, l) + layer.n_in * kernels::kStride, out, false);
  }

  // Coefficient q >= 1 of u = sigma'(z), from the coefficients of z and a up to q.
  static void next_u(Activation sigma, int q, Index cols, Index rows, const Series& s) {
    const kernels::Table& kernel = kernels::active();
    const auto product = [&](int first, int last, const double* x, const double* y, double scale,
                             const double* addend, double* out) {
      kernel.series_product(cols, rows, q, first, last, x, y, s.stride, scale, addend, out);
    };
    double* u = s.u + q * s.stride;
    switch (sigma) {
      case Activation::tanh:       // u = 1 - a^2
      case Activation::sigmoid: {  // u = a - a^2
        const double* linear = sigma == Activation::sigmoid ? s.a + q * s.stride : nullptr;
        product(0, (q - 1) / 2, s.a, s.a, -2.0, linear, u);
        if (q % 2 == 0) product(q / 2, q / 2, s.a, s.a, -1.0, u, u);
        break;
      }
      case Activation::sin:  // u = cos z, u' = -a z'
        product(1, q, s.zt, s.a, -1.0 / q, nullptr, u);
        break;
      case Activation::gelu: {  // u = Phi + z g, with Phi' = g z' and g' = -z g z'
        const double* zt = s.zt + q * s.stride;
        double* z = s.z + q * s.stride;
        for (Index row = 0; row < rows * kernels::kStride; row += kernels::kStride) {
          for (Index i = row; i < row + cols; ++i) z[i] = zt[i] / q;
        }
        product(1, q, s.zt, s.slope, -1.0 / q, nullptr, s.density + q * s.stride);
        product(0, q, s.z, s.density, 1.0, nullptr, s.slope + q * s.stride);
        product(1, q, s.zt, s.density, 1.0 / q, s.slope + q * s.stride, u);
        break;
      }
      case Activation::identity:
      case Activation::relu: std::fill_n(u, rows * kernels::kStride, 0.0); break;
    }
  }

  Mlp net_;
  const SampleBlocks* samples_;
  int order_;
  Index block_size_ = 0, widest_ = 0, most_wires_ = 0;
  std::vector<Index> series_offset_, wired_offset_;
  Buffer state_;
  Vector theta_;
  std::vector<Vector> directions_;  // by order, from 1
  std::vector<Buffer> packed_;      // by layer
};

}  // namespace precisekit
