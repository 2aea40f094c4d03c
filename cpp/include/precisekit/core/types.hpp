// Types shared by all headers.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include "precisekit/kernels/active.hpp"

namespace precisekit {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;  // column-major, as LAPACK wants it
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using VectorRef = Eigen::Ref<const Vector>;
using MatrixRef = Eigen::Ref<const Matrix, 0, Eigen::OuterStride<>>;
using RowMatrixRef = Eigen::Ref<const RowMatrix>;

// Uninitialised memory on a cache-line boundary, for the blocks that the kernels work on.
class Buffer {
 public:
  Buffer() = default;
  // Throws std::bad_alloc.
  explicit Buffer(Index size) : size_(size) {
    const std::size_t bytes = (static_cast<std::size_t>(size) * sizeof(double) + 63) / 64 * 64;
    data_.reset(static_cast<double*>(std::aligned_alloc(64, bytes ? bytes : 64)));
    if (!data_) throw std::bad_alloc();
  }
  void set_zero() { std::fill(data_.get(), data_.get() + size_, 0.0); }
  double* data() { return data_.get(); }
  const double* data() const { return data_.get(); }
  Index size() const { return size_; }

 private:
  struct Free {
    void operator()(double* p) const { std::free(p); }
  };
  std::unique_ptr<double, Free> data_;
  Index size_ = 0;
};

}  // namespace precisekit
