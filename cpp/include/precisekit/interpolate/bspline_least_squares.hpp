// Splines fitted to scattered data by least squares.
//
// The matrix of the B-splines at the points is banded in blocks when the points are taken in the
// order of their pieces on the first axis: a piece sees degree + 1 slabs of coefficients. So its QR
// factorisation needs a triangle of that width only, that moves one slab at a time (Lawson and Hanson,
// Solving Least Squares Problems, chapter 27). B'B, which would cost half of the digits, is never
// formed.
#pragma once

#include "precisekit/core/stacked_qr.hpp"
#include "precisekit/interpolate/bspline.hpp"

namespace precisekit {

class SplineLeastSquares {
 public:
  // Axes whose knots repeat at the ends of the domain, as interpolation_axis() makes them.
  SplineLeastSquares(std::vector<SplineAxis> axes, Index n_channels)
      : axes_(std::move(axes)), n_channels_(n_channels) {
    for (Index a = n_axes() - 1; a >= 0; --a) {
      stride_.insert(stride_.begin(), n_coefficients_);
      if (a == 0) slab_ = n_coefficients_;
      n_coefficients_ *= axes_[a].n_coefficients();
    }
    width_ = (axes_[0].degree() + 1) * slab_;
  }

  // Minimises sum_i weight_i |s(X_i) - Y_i|^2. X: (n, n_axes), inside the domain; Y: (n, n_channels).
  // What the data leave open is decided by the smallest second differences of the coefficients.
  TensorSpline fit(const double* X, const double* Y, const double* weight, Index n) {
    const linalg::SerialBlas serial;
    sort_by_piece(X, n);
    const Extended scale = std::sqrt(sum_of_squares(X, weight, n) / Extended(n_coefficients_));
    smoothness_ = 1e-10 * double(scale);
    ridge_ = 1e-14 * double(scale);

    const Index total = width_ + n_channels_, n_pieces = axes_[0].n_pieces();
    Matrix R = Matrix::Zero(total, total);
    std::vector<Matrix> finished;  // rows of slab `piece`
    for (Index piece = 0; piece < n_pieces; ++piece) {
      fold_points(R, piece, X, Y, weight);
      const bool last = piece + 1 == n_pieces;
      for (Index s = 0; s < (last ? width_ / slab_ : 1); ++s) fold_regularisation(R, s);
      if (last) break;
      finished.push_back(R.topRows(slab_));
      shift(R);
    }
    return TensorSpline(axes_, solve(R, finished).data(), n_coefficients_ * n_channels_,
                        n_channels_);
  }

 private:
  Index n_axes() const { return Index(axes_.size()); }

  static Index piece_of(const SplineAxis& axis, double x) {
    const auto& breaks = axis.breaks();
    const Index after = std::upper_bound(breaks.begin(), breaks.end(), x) - breaks.begin();
    return std::clamp<Index>(after - 1, 0, axis.n_pieces() - 1);
  }

  void sort_by_piece(const double* X, Index n) {
    first_.assign(axes_[0].n_pieces() + 1, 0);
    for (Index i = 0; i < n; ++i) ++first_[piece_of(axes_[0], X[i * n_axes()]) + 1];
    for (std::size_t p = 1; p < first_.size(); ++p) first_[p] += first_[p - 1];
    std::vector<Index> next(first_.begin(), first_.end() - 1);
    order_.resize(n);
    for (Index i = 0; i < n; ++i) order_[next[piece_of(axes_[0], X[i * n_axes()])]++] = i;
  }

  // Calls visit(column, value) for the B-splines that do not vanish at x; the columns are those of
  // the window that starts with the first slab of x's piece.
  template <class Visit>
  void visit_basis(const double* x, Visit&& visit) const {
    Extended basis[kernels::kSplineMaxAxes][kMaxPolynomialDegree + 1];
    Index column = 0;
    for (Index a = 0; a < n_axes(); ++a) {
      const SplineAxis& axis = axes_[a];
      const Index piece = piece_of(axis, x[a]);
      const BasisTriangle triangle(axis.knots().data(), axis.degree(), axis.span(piece), x[a]);
      std::copy_n(triangle.value[axis.degree()], axis.degree() + 1, basis[a]);
      if (a > 0) column += piece * stride_[a];
    }
    visit_products(basis, 0, column, Extended(1), visit);
  }

  template <class Basis, class Visit>
  void visit_products(const Basis& basis, Index axis, Index column, Extended product,
                      Visit&& visit) const {
    if (axis == n_axes()) {
      visit(column, double(product));
      return;
    }
    for (int j = 0; j <= axes_[axis].degree(); ++j) {
      visit_products(basis, axis + 1, column + j * stride_[axis], product * basis[axis][j], visit);
    }
  }

  Extended sum_of_squares(const double* X, const double* weight, Index n) const {
    Extended sum = 0;
    for (Index i = 0; i < n; ++i) {
      visit_basis(X + i * n_axes(), [&](Index, double value) { sum += weight[i] * value * value; });
    }
    return sum;
  }

  void fold_points(Matrix& R, Index piece, const double* X, const double* Y,
                   const double* weight) const {
    const Index count = first_[piece + 1] - first_[piece];
    const Index batch = std::min(count, std::max<Index>(64, R.rows()));
    for (Index start = first_[piece]; start < first_[piece + 1]; start += batch) {
      const Index rows = std::min(batch, first_[piece + 1] - start);
      StackedQr qr(rows, R.cols(), StackedQr::Shape::rectangle);
      qr.rows().setZero();
      for (Index r = 0; r < rows; ++r) {
        const Index i = order_[start + r];
        const double root = std::sqrt(weight[i]);
        visit_basis(X + i * n_axes(),
                    [&](Index column, double value) { qr.rows()(r, column) = root * value; });
        for (Index o = 0; o < n_channels_; ++o) {
          qr.rows()(r, width_ + o) = root * Y[i * n_channels_ + o];
        }
      }
      qr.fold(R);
    }
  }

  // For the coefficients of one slab of the window: second differences along every axis where they
  // fit, and the coefficients themselves.
  void fold_regularisation(Matrix& R, Index slab) const {
    StackedQr qr(slab_ * (n_axes() + 1), R.cols(), StackedQr::Shape::rectangle);
    Matrix& rows = qr.rows();
    rows.setZero();
    const Index begin = slab * slab_;
    Index r = 0;
    for (Index c = 0; c < slab_; ++c) {
      rows(r++, begin + c) = ridge_;
      for (Index a = 0; a < n_axes(); ++a, ++r) {
        const Index room =
            a == 0 ? width_ / slab_ - slab
                   : axes_[a].n_coefficients() - c / stride_[a] % axes_[a].n_coefficients();
        if (room > 2) {
          rows(r, begin + c) = rows(r, begin + c + 2 * stride_[a]) = smoothness_;
          rows(r, begin + c + stride_[a]) = -2.0 * smoothness_;
        } else if (room > 1 && axes_[a].degree() == 1) {
          rows(r, begin + c) = smoothness_;
          rows(r, begin + c + stride_[a]) = -smoothness_;
        }
      }
    }
    qr.fold(R);
  }

  void shift(Matrix& R) const {
    const Index rest = width_ - slab_;
    const Matrix kept = R.block(slab_, slab_, rest, rest);
    const Matrix right = R.block(slab_, width_, rest, n_channels_);
    R.topRows(width_).setZero();
    R.topLeftCorner(rest, rest) = kept;
    R.block(0, width_, rest, n_channels_) = right;
  }

  RowMatrix solve(const Matrix& R, const std::vector<Matrix>& finished) const {
    RowMatrix c(n_coefficients_, n_channels_);
    c.bottomRows(width_) = R.topLeftCorner(width_, width_)
                               .template triangularView<Eigen::Upper>()
                               .solve(R.topRightCorner(R.rows(), n_channels_).topRows(width_));
    for (Index piece = Index(finished.size()) - 1; piece >= 0; --piece) {
      const Matrix& rows = finished[piece];
      const Index rest = width_ - slab_;
      const Matrix right = rows.rightCols(n_channels_) -
                           rows.middleCols(slab_, rest) * c.middleRows((piece + 1) * slab_, rest);
      c.middleRows(piece * slab_, slab_) =
          rows.leftCols(slab_).template triangularView<Eigen::Upper>().solve(right);
    }
    return c;
  }

  std::vector<SplineAxis> axes_;
  Index n_channels_;
  Index n_coefficients_ = 1;
  std::vector<Index> stride_;  // from one coefficient to the next along each axis
  Index slab_ = 0;             // coefficients with the same index on the first axis
  Index width_ = 0;            // of the window
  double smoothness_ = 0.0, ridge_ = 0.0;
  std::vector<Index> first_, order_;  // of the points of each piece
};

}  // namespace precisekit
