// The exact Hessian of LeastSquares, at about the price of its Gauss-Newton part.
//
// For one sample let a_0 = x, z_l = W_l a_{l-1} + b_l, a_l = s_l(z_l), delta_l = dF/dz_l, and
// D_l = diag s_l'(z_l). Second derivatives are first taken along the pre-activations:
//
//   C_lm = d2F / dz_l dz_m,    C_LL = 2 w / N I  (w: weight of the sample, N: residuals),
//   C_lm = D_l W_{l+1}' C_{l+1,m}                                                     for l < m,
//   C_ll = C_{l,l+1} W_{l+1} D_l + diag(s_l''(z_l) * W_{l+1}' delta_{l+1}).
//
// All these products are with weights that the samples share: dense layers on blocks. Along the
// parameters, with a_{l-1} extended by a 1 that stands for the bias and T = da_{m-1} / dz_l,
//
//   d2F / dW_l[i,j] dW_m[k,q] = sum over samples of   C_lm[i,k] a_{l-1}[j] a_{m-1}[q]
//                                                   + delta_m[k] T[q,i] a_{l-1}[j]    (l < m only).
//
// So each pair of layers is one product of matrices over the samples: pairs of activations times
// pairs of units. For l = m both kinds of pairs are symmetric, and a quarter of them is enough.
#pragma once

#include <memory>
#include <vector>

#include "precisekit/objective/hessian_vector_product.hpp"
#include "precisekit/objective/least_squares.hpp"

namespace precisekit {

// The pairs (i, k), i <= k, of n things, in the order (0, 0), (0, 1), ..., (1, 1), (1, 2), ...
inline Index symmetric_pairs(Index n) { return n * (n + 1) / 2; }
inline Index symmetric_pair(Index n, Index i, Index k) {
  return i <= k ? i * n - i * (i - 1) / 2 + (k - i) : symmetric_pair(n, k, i);
}

// The sums over some blocks of samples from which the Hessian is put together. Layers count from 0.
class HessianSum {
 public:
  HessianSum(const LeastSquares& objective, const double* theta)
      : objective_(objective),
        net_(objective.network()),
        theta_(theta),
        forward_(net_, 2),
        backward_(net_) {
    Index units = 0, curvatures = 0, pairs = 0, products = 0;
    for (Index l = 0; l < net_.n_layers(); ++l) {
      extended_.push_back(rows_buffer(n_extended(l)));
      fill_row(extended_[l].data() + n_inputs(l) * kernels::kStride, 1.0);
      bend_.push_back(rows_buffer(n_units(l)));
      same_.push_back(Matrix::Zero(symmetric_pairs(n_extended(l)), n_curvature_rows(l)));
      units = std::max(units, n_units(l));
      curvatures = std::max(curvatures, n_curvature_rows(l));
      products = std::max(products, symmetric_pairs(n_extended(l)));
      for (Index m = l + 1; m < net_.n_layers(); ++m) {
        mixed_.push_back(Matrix::Zero(n_extended(l) * n_extended(m), n_units(l) * n_units(m)));
        // For m = l + 1, T is diagonal: only its diagonal is kept.
        const Index size_T = n_units(l) * (m == l + 1 ? 1 : n_inputs(m));
        paths_.push_back(Matrix::Zero(n_units(m) * n_extended(l), size_T));
        pairs = std::max(pairs, n_units(l) * n_units(m));
        products = std::max({products, mixed_.back().rows(), paths_.back().rows()});
      }
    }
    column_ = rows_buffer(units);
    curvature_ = rows_buffer(curvatures);
    rows_ = rows_buffer(pairs);
    next_rows_ = rows_buffer(pairs);
    products_ = rows_buffer(products);
  }

  // At least the number of doubles that a sum holds.
  static Index size(const Mlp& net) {
    Index size = 0;
    for (const Layer& l : net.layers()) {
      const Index n = l.n_out, extended = l.n_in + 1;
      size += symmetric_pairs(n) * symmetric_pairs(extended);
      for (const Layer& m : net.layers()) {
        if (m.offset > l.offset) size += 2 * n * extended * m.n_out * (m.n_in + 1);
      }
    }
    return size;
  }

  void add_block(Index b) {
    const kernels::Table& kernel = kernels::active();
    const SampleBlocks& samples = objective_.samples();
    cols_ = samples.columns(b);
    forward_.run(theta_, samples.block(b), cols_);
    for (Index l = 0; l < net_.n_layers(); ++l) {
      std::copy_n(forward_.input(l), n_inputs(l) * kernels::kStride, extended_[l].data());
    }
    objective_.block_residual(b, forward_, backward_.seed());
    objective_.scale_rows(b, 2.0 / double(objective_.n_residuals()), backward_.seed());
    backward_.run(theta_, forward_, cols_, [&](Index l, const Layer& layer, const double* delta) {
      if (l == 0) return;
      kernel.affine(cols_, layer.n_in, layer.n_out, layer.weights(theta_), 1, layer.n_in, nullptr,
                    forward_.second_derivative(l - 1), delta, bend_[l - 1].data(), false);
    });
    add_curvatures(b);
    add_paths();
  }

  void add(const HessianSum& other) {
    for (std::size_t l = 0; l < same_.size(); ++l) same_[l] += other.same_[l];
    for (std::size_t p = 0; p < mixed_.size(); ++p) mixed_[p] += other.mixed_[p];
    for (std::size_t p = 0; p < paths_.size(); ++p) paths_[p] += other.paths_[p];
  }

  // Writes the upper triangle of the Hessian (and more).
  void scatter(Matrix& H) const {
    for (Index l = 0; l < net_.n_layers(); ++l) {
      scatter_same(l, H);
      for (Index m = l + 1; m < net_.n_layers(); ++m) {
        scatter_mixed(l, m, H);
        scatter_paths(l, m, H);
      }
    }
  }

 private:
  // Sizes -----------------------------------------------------------------------------------------

  Index n_units(Index l) const { return net_.layers()[l].n_out; }
  Index n_inputs(Index l) const { return net_.layers()[l].n_in; }
  Index n_extended(Index l) const { return n_inputs(l) + 1; }
  bool is_last(Index l) const { return l + 1 == net_.n_layers(); }
  // C_LL is a multiple of the identity: one row stands for it.
  Index n_curvature_rows(Index l) const { return is_last(l) ? 1 : symmetric_pairs(n_units(l)); }
  // Of the layers (l, m), l < m.
  Index pair_of_layers(Index l, Index m) const {
    return symmetric_pair(net_.n_layers() - 1, l, m - 1);
  }
  // The parameter W_l[i, j], or b_l[i] for the j past the inputs.
  Index parameter(Index l, Index i, Index j) const {
    const Layer& layer = net_.layers()[l];
    return j < layer.n_in ? layer.offset + i * layer.n_in + j : layer.bias_offset() + i;
  }

  static Buffer rows_buffer(Index rows) { return Buffer(rows * kernels::kStride); }
  static void fill_row(double* row, double value) { std::fill_n(row, kernels::kStride, value); }
  void copy_row(const double* from, double* to) const { std::copy_n(from, cols_, to); }

  // C, from the last layer down -------------------------------------------------------------------

  void add_curvatures(Index b) {
    const double factor = 2.0 / double(objective_.n_residuals());
    double* c = curvature_.data();
    objective_.block_scale(b, c);
    for (Index s = 0; s < cols_; ++s) c[s] *= factor * c[s];
    for (Index m = net_.n_layers() - 1;; --m) {
      add_same(m);
      if (m == 0) return;
      for (Index k = 0; k < n_units(m); ++k) {
        load_curvature_column(m, k);
        pull_back(m - 1, column_.data(), rows_.data() + k * n_units(m - 1) * kernels::kStride);
      }
      add_mixed(m - 1, m);
      form_curvature(m - 1);
      for (Index l = m - 2; l >= 0; --l) {
        for (Index k = 0; k < n_units(m); ++k) {
          pull_back(l, rows_.data() + k * n_units(l + 1) * kernels::kStride,
                    next_rows_.data() + k * n_units(l) * kernels::kStride);
        }
        std::swap(rows_, next_rows_);
        add_mixed(l, m);
      }
    }
  }

  // target = D_l W_{l+1}' source: from derivatives along z_{l+1} to those along z_l, from unit
  // `first` on.
  void pull_back(Index l, const double* source, double* target, Index first = 0) const {
    const Layer& next = net_.layers()[l + 1];
    kernels::active().affine(
        cols_, next.n_in - first, next.n_out, next.weights(theta_) + first, 1, next.n_in, nullptr,
        forward_.first_derivative(l) + first * kernels::kStride, source, target, false);
  }

  // column_ = column k of C_mm.
  void load_curvature_column(Index m, Index k) {
    const Index n = n_units(m);
    for (Index i = 0; i < n; ++i) {
      double* row = column_.data() + i * kernels::kStride;
      if (!is_last(m)) {
        copy_row(curvature_.data() + symmetric_pair(n, i, k) * kernels::kStride, row);
      } else if (i == k) {
        copy_row(curvature_.data(), row);
      } else {
        fill_row(row, 0.0);
      }
    }
  }

  // C_ll, its upper triangle, from C_{l,l+1} in rows_.
  void form_curvature(Index l) {
    const Index n = n_units(l);
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < n_units(l + 1); ++k) {
        copy_row(rows_.data() + (k * n + i) * kernels::kStride,
                 column_.data() + k * kernels::kStride);
      }
      double* row = curvature_.data() + symmetric_pair(n, i, i) * kernels::kStride;
      pull_back(l, column_.data(), row, i);
      const double* bend = bend_[l].data() + i * kernels::kStride;
      for (Index s = 0; s < cols_; ++s) row[s] += bend[s];
    }
  }

  // Sums over the samples -------------------------------------------------------------------------

  // sum += X' Y over the samples of the block.
  void add_product(const double* X, const double* Y, Matrix& sum) const {
    add_product(X, sum.rows(), Y, sum.cols(), sum);
  }
  // The same for a sum whose memory is seen as n_x x n_y.
  void add_product(const double* X, Index n_x, const double* Y, Index n_y, Matrix& sum) const {
    linalg::gemm(true, false, n_x, n_y, cols_, 1.0, X, kernels::kStride, Y, kernels::kStride, 1.0,
                 sum.data(), n_x);
  }
  // products_ = all products of a row of X and a row of Y.
  void form_products(Index n_x, const double* X, Index n_y, const double* Y) {
    kernels::active().pair_products(cols_, n_x, n_y, X, Y, products_.data(), kernels::kStride);
  }

  // same[(j, q), (i, k)] += C_ll[i, k] a[j] a[q].
  void add_same(Index l) {
    const Index n = n_extended(l);
    const double* a = extended_[l].data();
    double* product = products_.data();
    for (Index j = 0; j < n; ++j, a += kernels::kStride) {
      kernels::active().pair_products(cols_, 1, n - j, a, a, product, kernels::kStride);
      product += (n - j) * kernels::kStride;
    }
    add_product(products_.data(), curvature_.data(), same_[l]);
  }

  // mixed[(q, j), (k, i)] += C_lm[i, k] a_{l-1}[j] a_{m-1}[q], with C_lm in rows_.
  void add_mixed(Index l, Index m) {
    form_products(n_extended(m), extended_[m].data(), n_extended(l), extended_[l].data());
    add_product(products_.data(), rows_.data(), mixed_[pair_of_layers(l, m)]);
  }

  // paths[(k, j), (i, q)] += delta_m[k] T[q, i] a_{l-1}[j]; T is carried forward from layer l.
  void add_paths() {
    for (Index l = 0; l + 1 < net_.n_layers(); ++l) {
      add_adjacent_paths(l);
      for (Index m = l + 2; m < net_.n_layers(); ++m) {
        push_forward(l, m - 1);
        form_products(n_units(m), backward_.delta(m), n_extended(l), extended_[l].data());
        add_product(products_.data(), rows_.data(), paths_[pair_of_layers(l, m)]);
      }
    }
  }

  // For m = l + 1, paths[j, (k, i)] += delta_m[k] s_l'[i] a_{l-1}[j]: either delta s' or s' a is
  // formed first, whichever is smaller. The sum is the same memory for both.
  void add_adjacent_paths(Index l) {
    const Index m = l + 1, n_i = n_units(l), n_j = n_extended(l), n_k = n_units(m);
    const double* slope = forward_.first_derivative(l);
    const double* a = extended_[l].data();
    Matrix& sum = paths_[pair_of_layers(l, m)];
    if (n_k < n_j) {
      form_products(n_k, backward_.delta(m), n_i, slope);
      add_product(a, n_j, products_.data(), n_k * n_i, sum);
    } else {
      form_products(n_i, slope, n_j, a);
      add_product(products_.data(), n_i * n_j, backward_.delta(m), n_k, sum);
    }
  }

  // rows_ = da_p / dz_l, unit by unit of layer l, from the same for p - 1 (diagonal for p - 1 = l).
  void push_forward(Index l, Index p) {
    const Layer& layer = net_.layers()[p];
    const bool from_diagonal = p == l + 1;
    for (Index i = 0; i < n_units(l); ++i) {
      const Index first = from_diagonal ? i : 0, count = from_diagonal ? 1 : layer.n_in;
      const double* source = from_diagonal ? forward_.first_derivative(l) + i * kernels::kStride
                                           : rows_.data() + i * layer.n_in * kernels::kStride;
      kernels::active().affine(cols_, layer.n_out, count, layer.weights(theta_) + first, layer.n_in,
                               1, nullptr, forward_.first_derivative(p), source,
                               next_rows_.data() + i * layer.n_out * kernels::kStride, false);
    }
    std::swap(rows_, next_rows_);
  }

  // From the sums to the Hessian ------------------------------------------------------------------

  // The sum for the units (i, k) is a symmetric matrix over (j, q): it fills the blocks (i, k) and,
  // by symmetry of H, (k, i). Past the weights j is the bias, whose place in H is not next to them.
  void scatter_same(Index l, Matrix& H) const {
    const Layer& layer = net_.layers()[l];
    const Index n = layer.n_out;
    if (is_last(l)) H.bottomRightCorner(n * n_extended(l), n * n_extended(l)).setZero();
    for (Index i = 0; i < n; ++i) {
      for (Index k = i; k < (is_last(l) ? i + 1 : n); ++k) {
        const double* sum = same_[l].col(is_last(l) ? 0 : symmetric_pair(n, i, k)).data();
        for (Index q = 0; q < n_extended(l); ++q) {
          double* down = &H(parameter(l, i, 0), parameter(l, k, q));
          double* across = &H(parameter(l, i, q), parameter(l, k, 0));
          for (Index j = q; j < layer.n_in; ++j, ++sum) down[j] = across[j * H.rows()] = *sum;
          H(parameter(l, i, q), layer.bias_offset() + k) = *sum;
          H(parameter(l, k, q), layer.bias_offset() + i) = *sum++;
        }
      }
    }
  }

  void scatter_mixed(Index l, Index m, Matrix& H) const {
    const double* sum = mixed_[pair_of_layers(l, m)].data();
    for (Index k = 0; k < n_units(m); ++k) {
      for (Index i = 0; i < n_units(l); ++i) {
        for (Index q = 0; q < n_extended(m); ++q, sum += n_extended(l)) {
          double* column = H.col(parameter(m, k, q)).data();
          std::copy_n(sum, n_inputs(l), column + parameter(l, i, 0));
          column[parameter(l, i, n_inputs(l))] = sum[n_inputs(l)];
        }
      }
    }
  }

  void scatter_paths(Index l, Index m, Matrix& H) const {
    const double* sum = paths_[pair_of_layers(l, m)].data();
    const auto add_row = [&](Index i, Index k, Index q) {
      double* column = H.col(parameter(m, k, q)).data();
      for (Index j = 0; j < n_extended(l); ++j) column[parameter(l, i, j)] += *sum++;
    };
    if (m == l + 1) {
      for (Index k = 0; k < n_units(m); ++k) {
        for (Index i = 0; i < n_units(l); ++i) add_row(i, k, i);
      }
    } else {
      for (Index i = 0; i < n_units(l); ++i) {
        for (Index q = 0; q < n_inputs(m); ++q) {
          for (Index k = 0; k < n_units(m); ++k) add_row(i, k, q);
        }
      }
    }
  }

  const LeastSquares& objective_;
  const Mlp& net_;
  const double* theta_;
  ForwardPass forward_;
  BackwardPass backward_;
  Index cols_ = 0;                // of the block at hand
  std::vector<Buffer> extended_;  // a_{l-1} and a row of ones
  std::vector<Buffer> bend_;      // s_l'' * W_{l+1}' delta_{l+1}
  Buffer curvature_;              // C_ll: symmetric pairs of units
  Buffer rows_, next_rows_;       // C_lm in rows k * n_units(l) + i, later T
  Buffer products_, column_;
  std::vector<Matrix> same_, mixed_, paths_;
};

// Copies the upper triangle onto the lower one, tile by tile.
inline void mirror_upper(Matrix& H) {
  const Index tile = 32, n = H.rows();
  parallel_for((n + tile - 1) / tile, [&](Index t) {
    const Index c = t * tile, width = std::min(tile, n - c);
    H.block(c, c, width, width).triangularView<Eigen::StrictlyLower>() =
        H.block(c, c, width, width).transpose();
    for (Index r = 0; r < c; r += tile) {
      H.block(c, r, width, tile) = H.block(r, c, tile, width).transpose();
    }
  });
}

// The Hessian column by column, for graphs of modules, to which the recurrence above does not apply.
inline Matrix hessian_by_products(const LeastSquares& objective, const VectorRef& theta) {
  const Index P = objective.network().n_params();
  Matrix H(P, P);
  for (Index p = 0; p < P; ++p) {
    H.col(p) = hessian_vector_product(objective, theta, Vector::Unit(P, p));
  }
  mirror_upper(H);
  return H;
}

// The Hessian of objective.value at theta. The second derivative of relu is taken as 0.
// Throws std::invalid_argument for a theta of the wrong size, std::bad_alloc.
inline Matrix hessian(const LeastSquares& objective, const VectorRef& theta) {
  const Mlp& net = objective.network();
  net.check_theta(theta);
  if (!net.is_chain()) return hessian_by_products(objective, theta);
  const linalg::SerialBlas serial;
  // Each task keeps a sum: few, so that memory and the time to add them stay small.
  const Index n_blocks = objective.samples().count();
  const Index room = (Index(1) << 25) / HessianSum::size(net);
  const Index n_tasks = std::clamp<Index>(std::min(n_blocks / 4, room), 1, 8);
  std::vector<std::unique_ptr<HessianSum>> sums(n_tasks);
  parallel_for(n_tasks, [&](Index task) {
    sums[task] = std::make_unique<HessianSum>(objective, theta.data());
    const Range range = task_range(n_blocks, n_tasks, task);
    for (Index b = range.first; b < range.last; ++b) sums[task]->add_block(b);
  });
  for (Index task = 1; task < n_tasks; ++task) sums[0]->add(*sums[task]);
  Matrix H(net.n_params(), net.n_params());
  sums[0]->scatter(H);
  mirror_upper(H);
  return H;
}

}  // namespace precisekit
