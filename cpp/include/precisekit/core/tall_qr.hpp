// QR factorisation of a tall matrix by blocks of rows (TSQR), on all threads.
#pragma once

#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/stacked_qr.hpp"

namespace precisekit {

class TallQr {
 public:
  // How many blocks of rows pay off: at least two columns' worth of rows each, a power of two.
  static Index block_count(Index rows, Index cols) {
    if (rows < 2 * cols) return 1;
    Index count = 2;
    while (count < 16 && count * 4 * cols <= rows) count *= 2;
    return count;
  }

  TallQr(const std::vector<Index>& block_rows, Index cols) : cols_(cols) {
    for (const Index rows : block_rows) {
      leaves_.emplace_back(rows, cols, StackedQr::Shape::rectangle);
      first_row_.push_back(rows_);
      rows_ += rows;
    }
    triangles_.resize(block_rows.size());
    for (std::size_t i = 1; i < block_rows.size(); ++i) {
      joints_.emplace_back(cols, cols, StackedQr::Shape::triangle);
    }
  }

  // fill(block, rows) writes the rows of one block.
  template <class Fill>
  void factor(Fill&& fill) {
    parallel_for(n_blocks(), [&](Index i) {
      fill(i, leaves_[i].rows());
      triangles_[i].setZero(cols_, cols_);
      leaves_[i].fold(triangles_[i]);
    });
    for_each_joint([&](Index into, Index from, Index joint) {
      joints_[joint].rows() = triangles_[from];
      joints_[joint].fold(triangles_[into]);
    });
  }

  // Upper triangular; zero below the diagonal.
  const Matrix& R() const { return triangles_[0]; }

  // The first `cols` elements of Q' c.
  Vector project(const Vector& c) const {
    std::vector<Vector> tops(n_blocks());
    parallel_for(n_blocks(), [&](Index i) {
      Vector bottom = c.segment(first_row_[i], leaf_rows(i));
      tops[i] = Vector::Zero(cols_);
      leaves_[i].apply_transposed(tops[i], bottom);
    });
    for_each_joint([&](Index into, Index from, Index joint) {
      joints_[joint].apply_transposed(tops[into], tops[from]);
    });
    return std::move(tops[0]);
  }

 private:
  Index n_blocks() const { return Index(leaves_.size()); }
  Index leaf_rows(Index i) const {
    return (i + 1 < n_blocks() ? first_row_[i + 1] : rows_) - first_row_[i];
  }

  // The pairs of triangles of a binary tree, level by level; pairs of a level run side by side.
  template <class Visit>
  void for_each_joint(Visit&& visit) const {
    Index done = 0;
    for (Index step = 1; step < n_blocks(); step *= 2) {
      const Index pairs = (n_blocks() - step + 2 * step - 1) / (2 * step);
      parallel_for(pairs, [&](Index i) { visit(2 * step * i, 2 * step * i + step, done + i); });
      done += pairs;
    }
  }

  Index cols_, rows_ = 0;
  std::vector<StackedQr> leaves_, joints_;
  std::vector<Index> first_row_;
  std::vector<Matrix> triangles_;
};

}  // namespace precisekit
