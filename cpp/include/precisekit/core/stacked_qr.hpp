// QR factorisation of a triangle stacked on more rows: [R; B] = Q [R'; 0].
//
// One operation serves three purposes of Taylor-LM (docs/architecture.md): a block of rows of the
// Jacobian is folded into a zero triangle; the triangles of two blocks are folded into one (TSQR:
// Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, 2012); and sqrt(lambda) I is folded in
// to solve a damped problem. Q is kept as blocks of Householder reflectors I - V T V'.
#pragma once

#include "precisekit/core/linalg.hpp"

namespace precisekit {

class StackedQr {
 public:
  enum class Shape { rectangle, triangle };  // of B: a triangle's zeros are made use of

  // Reflectors of n columns with m rows below the triangle; the caller fills rows() before fold().
  StackedQr(Index m, Index n, Shape shape)
      : m_(m), n_(n), shape_(shape), V_(m, n), T_(kPanel, n), work_(kPanel * n) {}

  Matrix& rows() { return V_; }

  // Folds rows() into the upper triangular R (n x n); afterwards rows() holds the reflectors.
  void fold(Matrix& R) {
    if (const auto dtpqrt = linalg::routines().dtpqrt) {
      const int m = int(m_), n = int(n_), nb = int(std::min(kPanel, n_)), ldt = int(kPanel);
      const int l = shape_ == Shape::triangle ? n : 0;
      int info = 0;
      dtpqrt(&m, &n, &l, &nb, R.data(), &n, V_.data(), &m, T_.data(), &ldt, work_.data(), &info);
    } else {
      fold_with_eigen(R);
    }
  }

  // [top; bottom] <- Q' [top; bottom], with top of size n and bottom of size m.
  void apply_transposed(Vector& top, Vector& bottom) const {
    Vector w(kPanel), Tw(kPanel);
    for (Index j = 0; j < n_; j += kPanel) {
      const Index nb = std::min(kPanel, n_ - j), depth = panel_depth(j + nb);
      const double* V = V_.data() + j * m_;
      linalg::gemv(true, depth, nb, 1.0, V, m_, bottom.data(), 0.0, w.data());
      w.head(nb) += top.segment(j, nb);
      Tw.head(nb).noalias() =
          T_.block(0, j, nb, nb).triangularView<Eigen::Upper>().transpose() * w.head(nb);
      top.segment(j, nb) -= Tw.head(nb);
      linalg::gemv(false, depth, nb, -1.0, V, m_, Tw.data(), 1.0, bottom.data());
    }
  }

 private:
  static constexpr Index kPanel = 32;

  Index panel_depth(Index last_column) const {
    return shape_ == Shape::triangle ? std::min(m_, last_column) : m_;
  }

  void fold_with_eigen(Matrix& R) {
    for (Index start = 0; start < n_; start += kPanel) {
      const Index nb = std::min(kPanel, n_ - start), end = start + nb, depth = panel_depth(end);
      auto T = T_.block(0, start, nb, nb);
      T.setZero();
      for (Index j = start; j < end; ++j) {
        auto v = V_.col(j).head(depth);
        const double alpha = R(j, j), norm = v.stableNorm();
        double tau = 0.0;
        if (norm > 0.0) {
          const double beta = alpha > 0.0 ? -std::hypot(alpha, norm) : std::hypot(alpha, norm);
          tau = (beta - alpha) / beta;
          v /= alpha - beta;
          R(j, j) = beta;
        }
        for (Index k = j + 1; k < end; ++k) {
          const double dot = tau * (R(j, k) + v.dot(V_.col(k).head(depth)));
          R(j, k) -= dot;
          V_.col(k).head(depth) -= dot * v;
        }
        const Index before = j - start;
        T(before, before) = tau;
        if (before > 0) {
          const Vector overlap = V_.block(0, start, depth, before).transpose() * v;
          T.col(before).head(before) =
              T.topLeftCorner(before, before).template triangularView<Eigen::Upper>() * overlap;
          T.col(before).head(before) *= -tau;
        }
      }
      const Index rest = n_ - end;
      if (rest == 0) continue;
      const auto V = V_.block(0, start, depth, nb);
      auto right = V_.block(0, end, depth, rest);
      Matrix W = R.block(start, end, nb, rest);
      W.noalias() += V.transpose() * right;
      W = T.template triangularView<Eigen::Upper>().transpose() * W;
      R.block(start, end, nb, rest) -= W;
      right.noalias() -= V * W;
    }
  }

  Index m_, n_;
  Shape shape_;
  Matrix V_, T_;
  std::vector<double> work_;
};

}  // namespace precisekit
