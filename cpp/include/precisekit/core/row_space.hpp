// The row space of a tall matrix A given by blocks of rows, as far as its singular values exceed a
// tolerance: A is within about that tolerance of (A W) W'.
//
// The randomised range finder of Halko, Martinsson and Tropp (SIAM Review 53, 2011, algorithm 4.2)
// with random signs for A'. The diagonal of R in A' Omega = W R estimates, column by column, what the
// columns before have left, and tells when there are enough of them.
#pragma once

#include <random>
#include <vector>

#include "precisekit/core/linalg.hpp"
#include "precisekit/core/parallel.hpp"

namespace precisekit {

class RowSpace {
 public:
  RowSpace(const std::vector<Index>& block_rows, Index cols, Index most)
      : cols_(cols), most_(std::min(most, cols)) {
    for (const Index rows : block_rows) signs_.emplace_back(rows, 0);
  }

  // Finds W for the blocks of A; `tolerance` is relative to the root mean square of |A' omega|, the
  // Frobenius norm of A. False, and no W, where more than `most` columns are needed.
  bool find(const std::vector<Matrix>& A, double tolerance) {
    for (Index count = std::min(expected_, most_), done = 0;;
         done = count, count = std::min(count + std::max(kLook, count / 2), most_)) {
      sample(A, done, count);
      W_ = Y_.leftCols(count);
      const Vector left = linalg::orthonormalize(W_).cwiseAbs();
      const double enough = tolerance * Y_.norm() / std::sqrt(double(count));
      Index needed = 0;
      for (Index j = 0; j < count; ++j) {
        if (left[j] > enough) needed = j + 1;
      }
      if (needed + kLook <= count) {
        expected_ = needed + kLook + kLook / 2;
        return true;
      }
      if (count == most_) return false;
    }
  }

  // Orthonormal columns, the dominant ones first.
  const Matrix& basis() const { return W_; }

 private:
  static constexpr Index kLook = 10;  // columns below the tolerance that are to be seen

  // Columns [done, count) of Y = A' Omega.
  void sample(const std::vector<Matrix>& A, Index done, Index count) {
    const Index added = count - done, n_blocks = Index(A.size());
    for (Matrix& signs : signs_) {
      const Index before = signs.cols();
      if (before >= count) continue;
      signs.conservativeResize(Eigen::NoChange, count);
      for (Index i = before * signs.rows(); i < signs.size(); ++i) {
        signs.data()[i] = random_() & 1 ? 1.0 : -1.0;
      }
    }
    std::vector<Matrix> parts(n_blocks);
    parallel_for(n_blocks, [&](Index i) {
      parts[i].resize(cols_, added);
      linalg::gemm(true, false, cols_, added, A[i].rows(), 1.0, A[i].data(), A[i].rows(),
                   signs_[i].data() + done * signs_[i].rows(), signs_[i].rows(), 0.0,
                   parts[i].data(), cols_);
    });
    Y_.conservativeResize(cols_, count);
    Y_.rightCols(added) = parts[0];
    for (Index i = 1; i < n_blocks; ++i) Y_.rightCols(added) += parts[i];
  }

  Index cols_, most_, expected_ = 3 * kLook;
  std::mt19937_64 random_;  // from its default seed: the same signs in each run
  std::vector<Matrix> signs_;
  Matrix Y_, W_;
};

}  // namespace precisekit
