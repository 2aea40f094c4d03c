// Elementary functions on vectors of doubles: exp, tanh, sin and cos.
// Accuracy (cpp/tests/test_kernels.cpp): tanh at most 0.65 ulp everywhere, exp and sin, cos 1-2 ulp.
#pragma once

#include <cmath>

#include "precisekit/kernels/simd.hpp"
#include "precisekit/kernels/tanh_nodes.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

constexpr double kRoundToInteger = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to integer

// 2^k for integers k (as doubles offset by kRoundToInteger) in the normal range.
inline Vec power_of_two(Vec shifted) {
  return from_bits((bits(shifted) << 52) + bits(broadcast(1.0)));
}

struct ReducedExponent {
  Vec shifted;    // k + kRoundToInteger
  Vec r;          // x - k log 2, |r| <= log(2) / 2
  Vec remainder;  // what r lost to rounding
};

inline ReducedExponent reduce_exponent(Vec x) {
  const double log2_high = 0x1.62e42feep-1;  // 32 bits: k * log2_high is exact
  const double log2_low = 0x1.a39ef35793c76p-33;
  ReducedExponent e;
  e.shifted = x * 1.4426950408889634074 + kRoundToInteger;
  const Vec k = e.shifted - kRoundToInteger;
  const Vec high = x - k * log2_high;
  const Vec low = k * log2_low;
  e.r = high - low;
  e.remainder = (high - e.r) - low;
  return e;
}

// (exp(r) - 1 - r) / r^2 by its Taylor series to r^11: below 2^-58 for |r| <= log(2) / 2.
inline Vec exp_tail(Vec r) {
  const Vec r2 = r * r;
  const Vec r4 = r2 * r2;
  const Vec p0 = 1.0 / 2 + r * (1.0 / 6);
  const Vec p1 = 1.0 / 24 + r * (1.0 / 120);
  const Vec p2 = 1.0 / 720 + r * (1.0 / 5040);
  const Vec p3 = 1.0 / 40320 + r * (1.0 / 362880);
  const Vec p4 = 1.0 / 3628800 + r * (1.0 / 39916800);
  const Vec p5 = 1.0 / 479001600 + r * (1.0 / 6227020800);
  return (p0 + r2 * p1) + r4 * ((p2 + r2 * p3) + r4 * (p4 + r2 * p5));
}

// exp(x) for x <= 0; below -708 it is flushed to zero.
inline Vec exp_nonpositive(Vec x) {
  const Vec clamped = select(x < -708.0, broadcast(-708.0), x);
  const ReducedExponent e = reduce_exponent(clamped);
  const Vec scale = power_of_two(e.shifted);
  const Vec fraction = e.r + (e.r * e.r * exp_tail(e.r) + e.remainder);
  return select(x < -708.0, Vec{}, scale + scale * fraction);
}

// tanh|x| from h = tanh(k / 16) of the nearest node and t = tanh r of what is left, |r| <= 1/32, by
// its series: (h + t) / (1 + h t) = h + t - h t (h + t) / (1 + h t), of which h + r is by far the
// largest part and is summed exactly. NaN stays NaN.
inline Vec tanh(Vec x) {
  const Vec most = broadcast(kTanhIsOne), magnitude = abs(x);
  const Vec m = most < magnitude ? most : magnitude;
  const Vec shifted = m * kTanhNodesPerUnit + kRoundToInteger;
  const Vec r = m - (shifted - kRoundToInteger) * (1.0 / kTanhNodesPerUnit);
  const IntVec node = bits(shifted) & std::int64_t{kTanhNodes.size() - 1};
  Vec h, h_low;
  load_pairs(&kTanhNodes[0].high, node, h, h_low);

  const Vec r2 = r * r;
  const Vec series = (-1.0 / 3 + r2 * (2.0 / 15)) + r2 * r2 * (-17.0 / 315 + r2 * (62.0 / 2835));
  const Vec t_minus_r = r2 * r * series;
  const Vec t = r + t_minus_r;
  const Vec product = t * h;
  const Vec sum = h + r;
  const Vec sum_low = ((h - sum) + r) + h_low;
  const Vec y = sum + ((sum_low + t_minus_r) - product * (h + t) / (1.0 + product));
  return from_bits(bits(y) | (bits(x) & sign_mask()));
}

struct SinCos {
  Vec sin, cos;
};

// Cody-Waite reduction by pi/2 in three pieces, then the minimax polynomials of fdlibm.
// Lanes beyond 2^18 go to the C library.
inline SinCos sincos(Vec x) {
  const double half_pi_1 = 0x1.921fb544p0;  // 33 bits each
  const double half_pi_2 = 0x1.0b4611a6p-34;
  const double half_pi_3 = 0x1.3198a2e037073p-69;
  const Vec shifted = x * 0.63661977236758134308 + kRoundToInteger;
  const Vec k = shifted - kRoundToInteger;
  const Vec high = x - k * half_pi_1;
  const Vec middle = k * half_pi_2;
  const Vec partial = high - middle;
  const Vec low = k * half_pi_3 - ((high - partial) - middle);
  const Vec r = partial - low;
  const Vec tail = (partial - r) - low;

  const Vec r2 = r * r;
  const Vec s =
      -1.66666666666666324348e-01 +
      r2 * (8.33333333332248946124e-03 +
            r2 * (-1.98412698298579493134e-04 +
                  r2 * (2.75573137070700676789e-06 +
                        r2 * (-2.50507602534068634195e-08 + r2 * 1.58969099521155010221e-10))));
  const Vec sine = r + (r2 * r * s + tail * (1.0 - 0.5 * r2));
  const Vec c =
      4.16666666666666019037e-02 +
      r2 * (-1.38888888888741095749e-03 +
            r2 * (2.48015872894767294178e-05 +
                  r2 * (-2.75573143513906633035e-07 +
                        r2 * (2.08757232129817482790e-09 + r2 * -1.13596475577881948265e-11))));
  const Vec half = 0.5 * r2;
  const Vec one_minus_half = 1.0 - half;
  const Vec cosine = one_minus_half + (((1.0 - one_minus_half) - half) + (r2 * r2 * c - r * tail));

  const IntVec quadrant = bits(shifted);
  const IntVec swap = -(quadrant & 1);
  const IntVec sine_sign = (quadrant & 2) << 62;
  const IntVec cosine_sign = ((quadrant + 1) & 2) << 62;
  SinCos result;
  result.sin = from_bits(bits(select(swap, cosine, sine)) ^ sine_sign);
  result.cos = from_bits(bits(select(swap, sine, cosine)) ^ cosine_sign);
  const IntVec large = ~(abs(x) <= 262144.0);  // true for NaN as well
  if (any(large)) {
    for (int i = 0; i < kLanes; ++i) {
      if (large[i]) {
        result.sin[i] = ::sin(x[i]);
        result.cos[i] = ::cos(x[i]);
      }
    }
  }
  return result;
}

inline Vec normal_density(Vec x) { return 0.39894228040143267794 * exp_nonpositive(-0.5 * x * x); }

// The normal distribution function, erfc(-x / sqrt(2)) / 2, given its density at x (C library, lane
// by lane). In the lower tail a relative error of the argument grows x^2 times: what the argument
// lost to rounding enters as a first-order correction.
inline Vec normal_cdf(Vec x, Vec density) {
  const double root_high = 0x1.6a09e667f3bcdp-1;  // sqrt(1/2)
  const double root_low = -0x1.bdd3413b26456p-55;
  Vec result = x;
  for (int i = 0; i < kLanes; ++i) {
    const double argument = -x[i] * root_high;
    result[i] = 0.5 * ::erfc(argument);
    if (density[i] > 0.0) {
      const double lost = ::fma(-x[i], root_high, -argument) - x[i] * root_low;
      result[i] -= 1.41421356237309504880 * lost * density[i];
    }
  }
  return result;
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
