// QR factorisation of a triangle stacked on more rows: [R; B] = Q [R'; 0].
//
// One operation serves three purposes of Taylor-LM (docs/architecture.md): a block of rows of the
// Jacobian is folded into a zero triangle; the triangles of two blocks are folded into one (TSQR:
// Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, 2012); and sqrt(lambda) I is folded in
// to solve a damped problem. Q is kept as panels of Householder reflectors I - V T V', each panel
// factored by halves (Elmroth and Gustavson, IBM J. Res. Dev. 44, 2000), so that nearly all of the
// work is in matrix products.
#pragma once

#include "precisekit/core/linalg.hpp"

namespace precisekit {

class StackedQr {
 public:
  enum class Shape { rectangle, triangle };  // of B: a triangle's zeros are made use of

  // Reflectors of n columns with m rows below the triangle; the caller fills rows() before fold().
  StackedQr(Index m, Index n, Shape shape)
      : m_(m), n_(n), shape_(shape), V_(m, n), T_(kPanel, n), W_(kPanel, n), TW_(kPanel, n) {}

  Matrix& rows() { return V_; }

  // Folds rows() into the upper triangular R (n x n); afterwards rows() holds the reflectors.
  void fold(Matrix& R) {
    T_.setZero();
    for (Index j = 0; j < n_; j += kPanel) {
      const Index end = std::min(j + kPanel, n_);
      factor(R, j, j, end);
      reflect(R, j, j, end, end, n_);
    }
  }

  // [top; bottom] <- Q' [top; bottom], with top of size n and bottom of size m.
  void apply_transposed(Vector& top, Vector& bottom) const {
    Vector w(kPanel), Tw(kPanel);
    for (Index j = 0; j < n_; j += kPanel) {
      const Index nb = std::min(kPanel, n_ - j), depth = depth_of(j + nb);
      const double* V = column(j);
      linalg::gemv(true, depth, nb, 1.0, V, m_, bottom.data(), 0.0, w.data());
      w.head(nb) += top.segment(j, nb);
      Tw.head(nb).noalias() =
          T_.block(0, j, nb, nb).triangularView<Eigen::Upper>().transpose() * w.head(nb);
      top.segment(j, nb) -= Tw.head(nb);
      linalg::gemv(false, depth, nb, -1.0, V, m_, Tw.data(), 1.0, bottom.data());
    }
  }

 private:
  static constexpr Index kPanel = 64, kNarrow = 4;

  double* column(Index j) { return V_.data() + j * m_; }
  const double* column(Index j) const { return V_.data() + j * m_; }
  // The triangle of the reflectors from column j on, within the panel.
  double* triangle(Index panel, Index j) { return T_.data() + (j - panel) + j * kPanel; }
  // Rows of B that columns before `end` reach.
  Index depth_of(Index end) const { return shape_ == Shape::triangle ? std::min(m_, end) : m_; }

  // Reflectors and their triangle for columns [begin, end) of a panel.
  void factor(Matrix& R, Index panel, Index begin, Index end) {
    if (end - begin <= kNarrow) return factor_narrow(R, panel, begin, end);
    const Index middle = begin + (end - begin) / 2, left = middle - begin, right = end - middle;
    factor(R, panel, begin, middle);
    reflect(R, panel, begin, middle, middle, end);
    factor(R, panel, middle, end);
    // (I - V1 T1 V1') (I - V2 T2 V2'): the corner is -T1 (V1' V2) T2
    linalg::gemm(true, false, left, right, depth_of(middle), 1.0, column(begin), m_, column(middle),
                 m_, 0.0, W_.data(), kPanel);
    linalg::gemm(false, false, left, right, left, -1.0, triangle(panel, begin), kPanel, W_.data(),
                 kPanel, 0.0, TW_.data(), kPanel);
    linalg::gemm(false, false, left, right, right, 1.0, TW_.data(), kPanel, triangle(panel, middle),
                 kPanel, 0.0, triangle(panel, begin) + left * kPanel, kPanel);
  }

  void factor_narrow(Matrix& R, Index panel, Index begin, Index end) {
    const Index depth = depth_of(end);
    for (Index j = begin; j < end; ++j) {
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
      auto T = T_.block(begin - panel, begin, end - begin, end - begin);
      const Index before = j - begin;
      T(before, before) = tau;
      if (before == 0) continue;
      const Vector overlap = V_.block(0, begin, depth, before).transpose() * v;
      T.col(before).head(before) =
          T.topLeftCorner(before, before).template triangularView<Eigen::Upper>() * overlap;
      T.col(before).head(before) *= -tau;
    }
  }

  // Columns [first, last) of [R; B] <- (I - V T' V') of them, with the reflectors [begin, end).
  void reflect(Matrix& R, Index panel, Index begin, Index end, Index first, Index last) {
    const Index nb = end - begin, count = last - first, depth = depth_of(end);
    if (count == 0) return;
    auto W = W_.block(0, 0, nb, count);
    W = R.block(begin, first, nb, count);
    linalg::gemm(true, false, nb, count, depth, 1.0, column(begin), m_, column(first), m_, 1.0,
                 W_.data(), kPanel);
    linalg::gemm(true, false, nb, count, nb, 1.0, triangle(panel, begin), kPanel, W_.data(), kPanel,
                 0.0, TW_.data(), kPanel);
    R.block(begin, first, nb, count) -= TW_.block(0, 0, nb, count);
    linalg::gemm(false, false, depth, count, nb, -1.0, column(begin), m_, TW_.data(), kPanel, 1.0,
                 column(first), m_);
  }

  Index m_, n_;
  Shape shape_;
  Matrix V_, T_, W_, TW_;  // T has zeros below the diagonals of its triangles
};

}  // namespace precisekit
