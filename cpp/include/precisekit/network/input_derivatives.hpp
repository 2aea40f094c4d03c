// Derivatives of a network with respect to its inputs, by tangents carried forward.
//
// Along the coordinates p and q of x, with a_0 = x and z_l = W_l a_{l-1} + b_l,
//
//   d_p z_l = W_l d_p a_{l-1},       d_p a_l = s_l' d_p z_l,
//   d_pq z_l = W_l d_pq a_{l-1},     d_pq a_l = s_l' d_pq z_l + s_l'' d_p z_l d_q z_l.
#pragma once

#include <vector>

#include "precisekit/network/mlp.hpp"

namespace precisekit {

// The tangents of a block, after the forward pass that it is built on. Layers count from 0.
class InputTangents {
 public:
  // order: 1, or 2 for second derivatives as well; `forward` must hold sigma' or both.
  InputTangents(const Mlp& net, const ForwardPass& forward, int order)
      : net_(net), forward_(forward), order_(order), ones_(kernels::kStride) {
    Index widest = 0, wires = 0;
    for (Index size : net.sizes()) widest = std::max(widest, size);
    for (const Layer& layer : net.layers()) wires = std::max(wires, Index(layer.wires.size()));
    rows_ = widest * kernels::kStride;
    const Index d = net.n_inputs();
    if (wires > 0) {
      wired_ = Buffer(wires * kernels::kStride);
      ends_ = Buffer(net.n_layers() * (d + (order == 2 ? d * (d + 1) / 2 : 0)) * kernels::kStride);
    }
    for (Buffer* buffer : {&dz_, &da_}) *buffer = Buffer(d * rows_);
    if (order == 2) {
      for (Buffer* buffer : {&ddz_, &dda_}) *buffer = Buffer(d * (d + 1) / 2 * rows_);
      bend_ = Buffer(rows_);
    }
    std::fill_n(ones_.data(), kernels::kStride, 1.0);
  }

  void run(const double* theta, Index cols) {
    for (Index l = 0; l < net_.n_layers(); ++l) {
      enter(l, theta, cols);
      if (l + 1 < net_.n_layers()) activate(l, cols);
      if (!net_.is_chain() && net_.layers()[l].n_out == 1) keep_end(l);
    }
  }

  // d_p f and d_pq f, p <= q: one row for each output.
  const double* first(Index p) const { return dz_.data() + p * rows_; }
  const double* second(Index p, Index q) const { return ddz_.data() + pair(p, q); }

 private:
  Index pair(Index p, Index q) const { return (q * (q + 1) / 2 + p) * rows_; }

  // The tangents at the end of a module, for the wires: first those along a coordinate.
  double* end(Index l, Index tangent) {
    const Index d = net_.n_inputs(), each = d + (order_ == 2 ? d * (d + 1) / 2 : 0);
    return ends_.data() + (l * each + tangent) * kernels::kStride;
  }
  void keep_end(Index l) {
    const Index d = net_.n_inputs();
    for (Index q = 0; q < d; ++q) {
      std::copy_n(da_.data() + q * rows_, kernels::kStride, end(l, q));
      for (Index p = 0; order_ == 2 && p <= q; ++p) {
        std::copy_n(dda_.data() + pair(p, q), kernels::kStride, end(l, d + q * (q + 1) / 2 + p));
      }
    }
  }

  // The tangents that enter a wired layer; along a coordinate those of x itself are 0 or 1.
  const double* gather(const Layer& layer, Index tangent) {
    for (std::size_t i = 0; i < layer.wires.size(); ++i) {
      const Wire& wire = layer.wires[i];
      double* row = wired_.data() + Index(i) * kernels::kStride;
      if (wire.from_inputs()) {
        std::fill_n(row, kernels::kStride, wire.unit == tangent ? 1.0 : 0.0);
      } else {
        std::copy_n(end(wire.layer, tangent), kernels::kStride, row);
      }
    }
    return wired_.data();
  }

  void enter_by_wires(Index l, const double* theta, Index cols) {
    const Layer& layer = net_.layers()[l];
    const Index d = net_.n_inputs();
    const auto through = [&](Index tangent, double* out) {
      kernels::active().affine(cols, layer.n_out, layer.n_in, layer.weights(theta), layer.n_in, 1,
                               nullptr, nullptr, gather(layer, tangent), out, false);
    };
    for (Index q = 0; q < d; ++q) {
      through(q, dz_.data() + q * rows_);
      for (Index p = 0; order_ == 2 && p <= q; ++p) {
        through(d + q * (q + 1) / 2 + p, ddz_.data() + pair(p, q));
      }
    }
  }

  // Through the weights of layer l. Along x_p, those of the first layer act on a single 1.
  void enter(Index l, const double* theta, Index cols) {
    const kernels::Table& kernel = kernels::active();
    const Layer& layer = net_.layers()[l];
    if (!layer.wires.empty()) return enter_by_wires(l, theta, cols);
    const double* W = layer.weights(theta);
    for (Index q = 0; q < net_.n_inputs(); ++q) {
      const double* source = l == 0 ? ones_.data() : da_.data() + q * rows_;
      kernel.affine(cols, layer.n_out, l == 0 ? 1 : layer.n_in, l == 0 ? W + q : W, layer.n_in, 1,
                    nullptr, nullptr, source, dz_.data() + q * rows_, false);
      for (Index p = 0; order_ == 2 && p <= q; ++p) {
        double* ddz = ddz_.data() + pair(p, q);
        if (l == 0) {
          std::fill_n(ddz, layer.n_out * kernels::kStride, 0.0);
        } else {
          kernel.affine(cols, layer.n_out, layer.n_in, W, layer.n_in, 1, nullptr, nullptr,
                        dda_.data() + pair(p, q), ddz, false);
        }
      }
    }
  }

  void activate(Index l, Index cols) {
    const Index n = net_.layers()[l].n_out;
    const double* d1 = forward_.first_derivative(l);
    for (Index q = 0; q < net_.n_inputs(); ++q) {
      multiply(cols, n, d1, first(q), nullptr, da_.data() + q * rows_);
      if (order_ == 2)
        multiply(cols, n, forward_.second_derivative(l), first(q), nullptr, bend_.data());
      for (Index p = 0; order_ == 2 && p <= q; ++p) {
        double* dda = dda_.data() + pair(p, q);
        multiply(cols, n, d1, second(p, q), nullptr, dda);
        multiply(cols, n, bend_.data(), first(p), dda, dda);
      }
    }
  }

  // out = addend + X Y, element by element: the product of two Taylor series of order 0.
  static void multiply(Index cols, Index rows, const double* X, const double* Y,
                       const double* addend, double* out) {
    kernels::active().series_product(cols, rows, 0, 0, 0, X, Y, 0, 1.0, addend, out);
  }

  const Mlp& net_;
  const ForwardPass& forward_;
  int order_;
  Index rows_;  // size of the rows of one coordinate
  Buffer ones_, dz_, da_, ddz_, dda_;
  Buffer bend_;  // s'' d_q z
  Buffer wired_, ends_;
};

// Runs over the blocks of X and calls visit(tangents, column, sample) for each sample.
template <class Visit>
void for_each_tangent(const Mlp& net, const VectorRef& theta, const RowMatrixRef& X, int order,
                      Visit&& visit) {
  net.check_theta(theta);
  net.check_X(X);
  const SampleBlocks samples(X);
  const Index n_tasks = block_tasks(samples.count());
  parallel_for(n_tasks, [&](Index task) {
    ForwardPass forward(net, order);
    InputTangents tangents(net, forward, order);
    const Range range = task_range(samples.count(), n_tasks, task);
    for (Index b = range.first; b < range.last; ++b) {
      forward.run(theta.data(), samples.block(b), samples.columns(b));
      tangents.run(theta.data(), samples.columns(b));
      for (Index s = 0; s < samples.samples(b); ++s) visit(tangents, s, samples.first(b) + s);
    }
  });
}

// df/dx: for sample s, output o and coordinate p at out[(s * n_outputs + o) * n_inputs + p].
// Throws std::invalid_argument for a theta or an X of the wrong size, std::bad_alloc.
inline void input_gradient(const Mlp& net, const VectorRef& theta, const RowMatrixRef& X,
                           double* out) {
  const Index m = net.n_outputs(), d = net.n_inputs();
  for_each_tangent(net, theta, X, 1, [&](const InputTangents& tangents, Index column, Index s) {
    for (Index p = 0; p < d; ++p) {
      const double* first = tangents.first(p) + column;
      for (Index o = 0; o < m; ++o) out[(s * m + o) * d + p] = first[o * kernels::kStride];
    }
  });
}

// d2f/dx2: for sample s, output o and coordinates p, q at
// out[((s * n_outputs + o) * n_inputs + p) * n_inputs + q]. The second derivative of relu is 0.
// Throws std::invalid_argument for a theta or an X of the wrong size, std::bad_alloc.
inline void input_hessian(const Mlp& net, const VectorRef& theta, const RowMatrixRef& X,
                          double* out) {
  const Index m = net.n_outputs(), d = net.n_inputs();
  for_each_tangent(net, theta, X, 2, [&](const InputTangents& tangents, Index column, Index s) {
    for (Index q = 0; q < d; ++q) {
      for (Index p = 0; p <= q; ++p) {
        const double* second = tangents.second(p, q) + column;
        for (Index o = 0; o < m; ++o) {
          double* H = out + (s * m + o) * d * d;
          H[p * d + q] = H[q * d + p] = second[o * kernels::kStride];
        }
      }
    }
  });
}

}  // namespace precisekit
