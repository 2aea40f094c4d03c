// Systems of equations with a band matrix, in extended precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "precisekit/core/types.hpp"

namespace precisekit {

// LU factors of a square matrix with `lower` and `upper` diagonals beside the main one, by Gaussian
// elimination with partial pivoting.
template <class Real>
class BandedLu {
 public:
  // Zero at first; fill it through operator() and then factor().
  BandedLu(Index n, Index lower, Index upper)
      : n_(n),
        lower_(lower),
        upper_(upper),
        width_(2 * lower + upper + 1),
        rows_(n * width_, Real(0)),
        pivot_(n) {}

  Index size() const { return n_; }

  // Entry (i, j) with -lower <= j - i <= upper.
  Real& operator()(Index i, Index j) { return entry(i, j); }

  // Throws std::domain_error for a singular matrix.
  void factor() {
    for (Index j = 0; j < n_; ++j) {
      const Index last_row = std::min(j + lower_, n_ - 1);
      Index best = j;
      for (Index i = j + 1; i <= last_row; ++i) {
        if (std::fabs(entry(i, j)) > std::fabs(entry(best, j))) best = i;
      }
      pivot_[j] = best;
      if (!(std::fabs(entry(best, j)) > Real(0))) throw std::domain_error("singular band matrix");
      const Index last = std::min(j + lower_ + upper_, n_ - 1);
      if (best != j) {
        for (Index k = j; k <= last; ++k) std::swap(entry(best, k), entry(j, k));
      }
      for (Index i = j + 1; i <= last_row; ++i) {
        const Real factor = entry(i, j) / entry(j, j);
        entry(i, j) = factor;
        if (factor == Real(0)) continue;
        for (Index k = j + 1; k <= last; ++k) entry(i, k) -= factor * entry(j, k);
      }
    }
  }

  // B <- A^-1 B for n_rhs right-hand sides; B is row-major.
  void solve(Real* B, Index n_rhs) const {
    for (Index j = 0; j < n_; ++j) {
      if (pivot_[j] != j) {
        std::swap_ranges(B + j * n_rhs, B + (j + 1) * n_rhs, B + pivot_[j] * n_rhs);
      }
      const Index last_row = std::min(j + lower_, n_ - 1);
      for (Index i = j + 1; i <= last_row; ++i) {
        subtract(entry(i, j), B + j * n_rhs, B + i * n_rhs, n_rhs);
      }
    }
    for (Index i = n_ - 1; i >= 0; --i) {
      const Index last = std::min(i + lower_ + upper_, n_ - 1);
      for (Index k = i + 1; k <= last; ++k) {
        subtract(entry(i, k), B + k * n_rhs, B + i * n_rhs, n_rhs);
      }
      const Real diagonal = entry(i, i);
      for (Index r = 0; r < n_rhs; ++r) B[i * n_rhs + r] /= diagonal;
    }
  }

 private:
  static void subtract(Real factor, const Real* from, Real* to, Index n) {
    if (factor == Real(0)) return;
    for (Index r = 0; r < n; ++r) to[r] -= factor * from[r];
  }
  Real& entry(Index i, Index j) { return rows_[i * width_ + j - i + lower_]; }
  const Real& entry(Index i, Index j) const { return rows_[i * width_ + j - i + lower_]; }

  Index n_, lower_, upper_, width_;
  std::vector<Real> rows_;
  std::vector<Index> pivot_;
};

// A square matrix that is banded but for its last `border` rows and columns,
//
//     [ T  U ]
//     [ V  W ],
//
// as that of a periodic problem, where the band closes upon itself: by the Schur complement
// W - V T^-1 U. T must be safely regular.
template <class Real>
class BorderedBandedLu {
 public:
  BorderedBandedLu(Index n, Index lower, Index upper, Index border)
      : inner_(n - border),
        border_(border),
        T_(inner_, lower, upper),
        S_(border, border, border),
        U_(inner_ * border, Real(0)),
        V_(border * inner_, Real(0)),
        W_(border * border, Real(0)) {}

  Index size() const { return inner_ + border_; }

  void add(Index i, Index j, Real value) {
    if (i < inner_ && j < inner_) {
      T_(i, j) += value;
    } else if (i < inner_) {
      U_[i * border_ + j - inner_] += value;
    } else if (j < inner_) {
      V_[(i - inner_) * inner_ + j] += value;
    } else {
      W_[(i - inner_) * border_ + j - inner_] += value;
    }
  }

  // Throws std::domain_error for a singular matrix.
  void factor() {
    T_.factor();
    T_.solve(U_.data(), border_);  // T^-1 U from here on
    for (Index i = 0; i < border_; ++i) {
      for (Index j = 0; j < border_; ++j) {
        Real sum = W_[i * border_ + j];
        for (Index k = 0; k < inner_; ++k) sum -= V_[i * inner_ + k] * U_[k * border_ + j];
        S_(i, j) = sum;
      }
    }
    S_.factor();
  }

  // B <- A^-1 B for n_rhs right-hand sides; B is row-major.
  void solve(Real* B, Index n_rhs) const {
    T_.solve(B, n_rhs);
    Real* last = B + inner_ * n_rhs;
    for (Index i = 0; i < border_; ++i) {
      for (Index k = 0; k < inner_; ++k) {
        const Real v = V_[i * inner_ + k];
        if (v == Real(0)) continue;
        for (Index r = 0; r < n_rhs; ++r) last[i * n_rhs + r] -= v * B[k * n_rhs + r];
      }
    }
    S_.solve(last, n_rhs);
    for (Index k = 0; k < inner_; ++k) {
      for (Index j = 0; j < border_; ++j) {
        const Real u = U_[k * border_ + j];
        for (Index r = 0; r < n_rhs; ++r) B[k * n_rhs + r] -= u * last[j * n_rhs + r];
      }
    }
  }

 private:
  Index inner_, border_;
  BandedLu<Real> T_, S_;
  std::vector<Real> U_, V_, W_;
};

}  // namespace precisekit
