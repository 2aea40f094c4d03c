// The order of a Morton curve, on which neighbours in a list are mostly neighbours in space.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"

namespace precisekit {

// Numbers the cells of a grid over a box along the Morton curve: the leading bits of the coordinates,
// interleaved to 32 bits. In more than 32 dimensions the first 32 coordinates count.
class MortonCurve {
 public:
  MortonCurve(const double* lo, const double* hi, Index d)
      : d_(static_cast<int>(std::min<Index>(d, 32))), bits_(32 / d_), lo_(lo, lo + d_), scale_(d_) {
    for (int j = 0; j < d_; ++j) {
      const double cells = std::ldexp(1.0, bits_) / (hi[j] - lo[j]);
      scale_[j] = std::isfinite(cells) ? cells : 0.0;
    }
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      spread_[byte] = 0;
      for (int b = 0; b < 8; ++b) {
        if (b * d_ < 64) spread_[byte] |= std::uint64_t(byte >> b & 1) << (b * d_);
      }
    }
  }

  // Points outside of the box count as in its nearest cell, NaN as in the first one.
  std::uint32_t operator()(const double* x) const {
    const double last = std::ldexp(1.0, bits_) - 1.0;
    std::uint64_t key = 0;
    for (int j = 0; j < d_; ++j) {
      const double at = (x[j] - lo_[j]) * scale_[j];
      const auto cell = static_cast<std::uint32_t>(at > 0.0 ? std::min(at, last) : 0.0);
      for (int b = 0; b < bits_; b += 8) key |= spread_[cell >> b & 255] << (b * d_ + j);
    }
    return static_cast<std::uint32_t>(key);
  }

 private:
  int d_, bits_;
  std::vector<double> lo_, scale_;
  std::array<std::uint64_t, 256> spread_;
};

// Items 0 to n - 1, n below 2^32, in the order of their keys, equal keys in the order of the items:
// radix sort.
class KeyOrder {
 public:
  explicit KeyOrder(Index n) : items_(n) {}
  void set(Index item, std::uint32_t key) { items_[item] = std::uint64_t(key) << 32 | item; }

  void sort() {
    other_.resize(items_.size());
    for (int shift = 32; shift < 64; shift += 8) {
      std::array<std::uint32_t, 257> first{};
      for (const std::uint64_t item : items_) ++first[(item >> shift & 255) + 1];
      if (std::find(first.begin(), first.end(), items_.size()) != first.end()) continue;
      for (int b = 0; b < 256; ++b) first[b + 1] += first[b];
      for (const std::uint64_t item : items_) other_[first[item >> shift & 255]++] = item;
      items_.swap(other_);
    }
  }

  Index size() const { return Index(items_.size()); }
  Index item(Index i) const { return Index(items_[i] & 0xffffffffu); }
  std::uint32_t key(Index i) const { return static_cast<std::uint32_t>(items_[i] >> 32); }

 private:
  std::vector<std::uint64_t> items_, other_;
};

// The rows of x (n x d) along a Morton curve through the box around those that are finite.
inline KeyOrder morton_order(const RowMatrixRef& x) {
  const Index n = x.rows(), d = x.cols();
  Vector lo = Vector::Constant(d, INFINITY), hi = Vector::Constant(d, -INFINITY);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) {
      if (!std::isfinite(x(i, j))) continue;
      lo[j] = std::min(lo[j], x(i, j));
      hi[j] = std::max(hi[j], x(i, j));
    }
  }
  const MortonCurve curve(lo.data(), hi.data(), d);
  KeyOrder order(n);
  constexpr Index kTaskRows = 4096;
  const Index n_tasks = (n + kTaskRows - 1) / kTaskRows;
  parallel_for(n_tasks, [&](Index task) {
    const Range range = task_range(n, n_tasks, task);
    for (Index i = range.first; i < range.last; ++i) order.set(i, curve(&x.coeffRef(i, 0)));
  });
  order.sort();
  return order;
}

}  // namespace precisekit
