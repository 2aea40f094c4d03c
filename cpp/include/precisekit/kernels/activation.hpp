// sigma, sigma' and sigma'' of every activation, on vectors.
#pragma once

#include "precisekit/kernels/elementary.hpp"
#include "precisekit/kernels/table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

struct Derivatives {
  Vec value, first, second;
};

template <Activation sigma>
inline Derivatives evaluate(Vec z) {
  if constexpr (sigma == Activation::tanh) {
    const Vec a = tanh(z);
    const Vec d1 = 1.0 - a * a;
    return {a, d1, -2.0 * a * d1};
  } else if constexpr (sigma == Activation::sin) {
    const SinCos sc = sincos(z);
    return {sc.sin, sc.cos, -sc.sin};
  } else if constexpr (sigma == Activation::sigmoid) {
    const Vec e = exp_nonpositive(-abs(z));
    const Vec larger = 1.0 / (1.0 + e);
    const Vec smaller = e * larger;
    const Vec d1 = larger * smaller;
    const Vec d2 = d1 * (smaller - larger);
    const IntVec positive = z >= 0.0;
    return {select(positive, larger, smaller), d1, select(positive, d2, -d2)};
  } else if constexpr (sigma == Activation::gelu) {
    const Vec density = normal_density(z);
    const Vec cdf = normal_cdf(z, density);
    return {z * cdf, cdf + z * density, density * (2.0 - z * z)};
  } else if constexpr (sigma == Activation::relu) {
    const IntVec positive = z > 0.0;
    return {select(z <= 0.0, Vec{}, z), select(positive, broadcast(1.0), Vec{}), Vec{}};
  } else {
    return {z, broadcast(1.0), Vec{}};
  }
}

template <Activation sigma>
void activate_rows(Index cols, Index rows, const double* z, double* a, double* d1, double* d2) {
  for (Index row = 0; row < rows; ++row) {
    const Index start = row * kStride;
    for (Index s = start; s < start + cols; s += kLanes) {
      const Derivatives d = evaluate<sigma>(load(z + s));
      store(a + s, d.value);
      if (d1) store(d1 + s, d.first);
      if (d2) store(d2 + s, d.second);
    }
  }
}

inline void activate(Activation sigma, Index cols, Index rows, const double* z, double* a,
                     double* d1, double* d2) {
  switch (sigma) {
    case Activation::tanh: return activate_rows<Activation::tanh>(cols, rows, z, a, d1, d2);
    case Activation::relu: return activate_rows<Activation::relu>(cols, rows, z, a, d1, d2);
    case Activation::sin: return activate_rows<Activation::sin>(cols, rows, z, a, d1, d2);
    case Activation::sigmoid: return activate_rows<Activation::sigmoid>(cols, rows, z, a, d1, d2);
    case Activation::gelu: return activate_rows<Activation::gelu>(cols, rows, z, a, d1, d2);
    case Activation::identity: return activate_rows<Activation::identity>(cols, rows, z, a, d1, d2);
  }
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
