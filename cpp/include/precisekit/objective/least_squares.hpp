// The mean squared error of a network on given samples, and its derivatives.
//
//   r_so = sqrt(w_s / mean(w)) (f_o(x_s) - y_so),   F(theta) = mean of r_so^2 over samples, outputs
//
// Residuals come in two layouts. The public one is sample by sample, r[s * n_outputs + o]. Inside,
// they follow the blocks of samples, padded by zeros: the residual of block b, output o and column s
// stands at blocked_offset(b) + o * columns(b) + s.
#pragma once

#include <string>

#include "precisekit/core/linalg.hpp"
#include "precisekit/network/mlp.hpp"

namespace precisekit {

class LeastSquares {
 public:
  // X: n x n_inputs, Y: n x n_outputs, weights: n, or empty for equal weights.
  // Throws std::invalid_argument for sizes that do not match, no samples, negative weights or
  // weights that are all zero.
  LeastSquares(const Mlp& net, const RowMatrixRef& X, const RowMatrixRef& Y,
               const VectorRef& weights)
      : net_(net), X_(X), Y_(Y), scale_(sqrt_weights(X.rows(), weights)), target_norm_(0.0) {
    net.check_X(X);
    if (X.rows() == 0) throw std::invalid_argument("X must have at least one row");
    if (Y.rows() != X.rows() || Y.cols() != net.n_outputs()) {
      throw std::invalid_argument("y must have shape (" + std::to_string(X.rows()) + ", " +
                                  std::to_string(net.n_outputs()) + "), got (" +
                                  std::to_string(Y.rows()) + ", " + std::to_string(Y.cols()) + ")");
    }
    for (Index s = 0; s < Y.rows(); ++s) {
      const double scale = sample_scale(s);
      for (Index o = 0; o < Y.cols(); ++o) target_norm_ += std::pow(scale * Y(s, o), 2);
    }
    target_norm_ = std::sqrt(target_norm_);
  }

  // The error on `count` samples of `whole`, the first ones until assign_slice() is called. Weights
  // keep the scale that they have in the whole. Throws std::invalid_argument for a count below 1.
  LeastSquares(const LeastSquares& whole, Index count)
      : net_(whole.net_),
        X_(count, whole.X_.rows()),
        Y_(count, whole.Y_.rows()),
        scale_(whole.scale_.size() ? Vector(std::max<Index>(count, 0)) : Vector()),
        target_norm_(whole.target_norm_) {
    if (count < 1) throw std::invalid_argument("batch_size must be at least 1");
    assign_slice(whole, 0);
  }

  // Takes the samples of `whole` from `first` on, counted modulo their number. Touches no other
  // object, and allocates nothing.
  void assign_slice(const LeastSquares& whole, Index first) {
    X_.assign_cyclic(whole.X_, first);
    Y_.assign_cyclic(whole.Y_, first);
    for (Index s = 0; s < scale_.size(); ++s) scale_[s] = whole.scale_[(first + s) % whole.X_.n()];
  }

  const Mlp& network() const { return net_; }
  const SampleBlocks& samples() const { return X_; }
  Index n_params() const { return net_.n_params(); }
  Index n_residuals() const { return X_.n() * net_.n_outputs(); }
  // |y|, weighted as the residuals are; of a slice, that of the whole.
  double target_norm() const { return target_norm_; }

  double value(const VectorRef& theta) const {
    net_.check_theta(theta);
    const Index n_tasks = block_tasks(X_.count());
    Vector sums = Vector::Zero(n_tasks);
    parallel_for(n_tasks, [&](Index task) {
      ForwardPass forward(net_, 0);
      Buffer r(net_.n_outputs() * kernels::kStride);
      const Range range = task_range(X_.count(), n_tasks, task);
      for (Index b = range.first; b < range.last; ++b) {
        forward.run(theta.data(), X_.block(b), X_.columns(b));
        sums[task] += block_residual(b, forward, r.data());
      }
    });
    return sums.sum() / double(n_residuals());
  }

  double value_and_gradient(const VectorRef& theta, Eigen::Ref<Vector> gradient) const {
    net_.check_theta(theta);
    const kernels::Table& kernel = kernels::active();
    const Index n_tasks = block_tasks(X_.count());
    Vector sums = Vector::Zero(n_tasks);
    Matrix gradients = Matrix::Zero(n_params(), n_tasks);
    parallel_for(n_tasks, [&](Index task) {
      ForwardPass forward(net_, 1);
      BackwardPass backward(net_);
      double* g = gradients.col(task).data();
      const Range range = task_range(X_.count(), n_tasks, task);
      for (Index b = range.first; b < range.last; ++b) {
        const Index cols = X_.columns(b);
        forward.run(theta.data(), X_.block(b), cols);
        sums[task] += block_residual(b, forward, backward.seed());
        scale_rows(b, 2.0 / double(n_residuals()), backward.seed());
        backward.run(
            theta.data(), forward, cols, [&](Index l, const Layer& layer, const double* d) {
              kernel.accumulate_gradient(cols, layer.n_out, layer.n_in, d, forward.input(l),
                                         g + layer.offset, g + layer.bias_offset());
            });
      }
    });
    gradient = gradients.col(0);
    for (Index task = 1; task < n_tasks; ++task) gradient += gradients.col(task);
    return sums.sum() / double(n_residuals());
  }

  // Blocked layout -----------------------------------------------------------------------------

  Index blocked_offset(Index b) const {
    return b < X_.count() ? b * kernels::kBlock * net_.n_outputs() : blocked_size();
  }
  Index blocked_size() const {
    const Index last = X_.count() - 1;
    return (last * kernels::kBlock + X_.columns(last)) * net_.n_outputs();
  }

  // The residuals in blocked layout; returns their sum of squares.
  double blocked_residual(const VectorRef& theta, Vector& r) const {
    r.resize(blocked_size());
    const Index n_tasks = block_tasks(X_.count());
    Vector sums = Vector::Zero(n_tasks);
    parallel_for(n_tasks, [&](Index task) {
      ForwardPass forward(net_, 0);
      Buffer rows(net_.n_outputs() * kernels::kStride);
      const Range range = task_range(X_.count(), n_tasks, task);
      for (Index b = range.first; b < range.last; ++b) {
        forward.run(theta.data(), X_.block(b), X_.columns(b));
        sums[task] += block_residual(b, forward, rows.data());
        rows_to_blocked(b, rows.data(), r.data());
      }
    });
    return sums.sum();
  }

  // Rows of block b of a kernel's output into a vector in blocked layout.
  void rows_to_blocked(Index b, const double* rows, double* blocked) const {
    const Index cols = X_.columns(b);
    for (Index o = 0; o < net_.n_outputs(); ++o) {
      std::copy_n(rows + o * kernels::kStride, cols, blocked + blocked_offset(b) + o * cols);
    }
  }

  // dr/dtheta of the blocks [first, last), rows in blocked layout: J[p * ld + row].
  void blocked_jacobian(const VectorRef& theta, Index first, Index last, double* J,
                        Index ld) const {
    ForwardPass forward(net_, 1);
    BackwardPass backward(net_);
    Buffer seed(kernels::kStride);
    for (Index b = first; b < last; ++b) {
      const Index cols = X_.columns(b);
      forward.run(theta.data(), X_.block(b), cols);
      block_scale(b, seed.data());
      for (Index o = 0; o < net_.n_outputs(); ++o) {
        const Index row = blocked_offset(b) - blocked_offset(first) + o * cols;
        block_jacobian(net_, theta.data(), forward, backward, o, seed.data(), cols, cols, J + row,
                       ld);
      }
    }
  }

  // Public layout --------------------------------------------------------------------------------

  Vector residual(const VectorRef& theta) const {
    net_.check_theta(theta);
    Vector blocked, r(n_residuals());
    blocked_residual(theta, blocked);
    for_each_residual([&](Index row, Index at) { r[row] = blocked[at]; });
    return r;
  }

  Matrix residual_jacobian(const VectorRef& theta) const {
    net_.check_theta(theta);
    Matrix J(n_residuals(), n_params());
    const Index m = net_.n_outputs();
    parallel_for(X_.count(), [&](Index b) {
      const Index cols = X_.columns(b);
      Matrix block(cols * m, n_params());
      blocked_jacobian(theta, b, b + 1, block.data(), cols * m);
      for (Index o = 0; o < m; ++o) {
        for (Index s = 0; s < X_.samples(b); ++s) {
          J.row((X_.first(b) + s) * m + o) = block.row(o * cols + s);
        }
      }
    });
    return J;
  }

  // 2 / n J'J, the Hessian without the second derivatives of f.
  Matrix gauss_newton(const VectorRef& theta) const {
    net_.check_theta(theta);
    const linalg::SerialBlas serial;
    const Index P = n_params(), n_tasks = accumulator_tasks(P);
    std::vector<Matrix> sums(n_tasks);
    parallel_for(n_tasks, [&](Index task) {
      sums[task] = Matrix::Zero(P, P);
      Matrix J(kernels::kBlock * net_.n_outputs(), P);
      const Range range = task_range(X_.count(), n_tasks, task);
      for (Index b = range.first; b < range.last; ++b) {
        const Index rows = X_.columns(b) * net_.n_outputs();
        blocked_jacobian(theta, b, b + 1, J.data(), J.rows());
        linalg::gram_upper(P, rows, J.data(), J.rows(), sums[task].data(), P);
      }
    });
    for (Index task = 1; task < n_tasks; ++task) sums[0] += sums[task];
    sums[0] *= 2.0 / double(n_residuals());
    sums[0].triangularView<Eigen::StrictlyLower>() = sums[0].transpose();
    return std::move(sums[0]);
  }

  // Tasks that each keep an accumulator of size^2 doubles: few, so that memory stays bounded.
  Index accumulator_tasks(Index size) const {
    const Index wanted = size > 4000 ? 1 : 4;
    return std::clamp<Index>(X_.count() / 2, 1, wanted);
  }

  // r of block b as rows, from its forward pass; returns the sum of squares.
  double block_residual(Index b, const ForwardPass& forward, double* rows) const {
    double sum = 0.0;
    for (Index o = 0; o < net_.n_outputs(); ++o) {
      const double* f = forward.output() + o * kernels::kStride;
      const double* y = Y_.block(b) + o * kernels::kStride;
      double* r = rows + o * kernels::kStride;
      for (Index s = 0; s < X_.samples(b); ++s) {
        r[s] = f[s] - y[s];
        if (scale_.size()) r[s] *= scale_[X_.first(b) + s];
        sum += r[s] * r[s];
      }
      std::fill(r + X_.samples(b), r + X_.columns(b), 0.0);
    }
    return sum;
  }

  // rows *= factor sqrt(weight): turns residuals into derivatives with respect to the outputs.
  void scale_rows(Index b, double factor, double* rows) const {
    for (Index o = 0; o < net_.n_outputs(); ++o) {
      double* r = rows + o * kernels::kStride;
      for (Index s = 0; s < X_.samples(b); ++s) r[s] *= factor * sample_scale(X_.first(b) + s);
    }
  }

  // sqrt(weight) of each column of block b, zero in the padding.
  void block_scale(Index b, double* scale) const {
    for (Index s = 0; s < X_.columns(b); ++s) {
      scale[s] = s < X_.samples(b) ? sample_scale(X_.first(b) + s) : 0.0;
    }
  }

 private:
  double sample_scale(Index s) const { return scale_.size() ? scale_[s] : 1.0; }

  template <class Visit>
  void for_each_residual(Visit&& visit) const {
    const Index m = net_.n_outputs();
    for (Index b = 0; b < X_.count(); ++b) {
      for (Index o = 0; o < m; ++o) {
        for (Index s = 0; s < X_.samples(b); ++s) {
          visit((X_.first(b) + s) * m + o, blocked_offset(b) + o * X_.columns(b) + s);
        }
      }
    }
  }

  static Vector sqrt_weights(Index n, const VectorRef& weights) {
    if (weights.size() == 0) return {};
    if (weights.size() != n) {
      throw std::invalid_argument("sample_weight must have " + std::to_string(n) +
                                  " elements, got " + std::to_string(weights.size()));
    }
    if (!(weights.minCoeff() >= 0.0) || !(weights.sum() > 0.0)) {
      throw std::invalid_argument("sample_weight must not be negative, and not zero everywhere");
    }
    return (weights / weights.mean()).cwiseSqrt();
  }

  Mlp net_;
  SampleBlocks X_, Y_;
  Vector scale_;  // sqrt(w / mean(w)), empty for equal weights
  double target_norm_;
};

}  // namespace precisekit
