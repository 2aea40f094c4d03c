// tanh at equispaced nodes as sums of two doubles, made by the compiler: a constant, so that no code
// of an instruction set runs before it is known that the machine has it.
#pragma once

#include <array>

#include "precisekit/kernels/simd.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

// An unevaluated sum, |low| <= ulp(high) / 2: 106 bits. Operations as Dekker's (1971).
struct DoubleDouble {
  double high, low;
};

constexpr DoubleDouble fast_sum(double larger, double smaller) {
  const double sum = larger + smaller;
  return {sum, smaller - (sum - larger)};
}

constexpr DoubleDouble exact_product(double a, double b) {
  constexpr double split = 0x1p27 + 1;
  const double a_high = split * a - (split * a - a), a_low = a - a_high;
  const double b_high = split * b - (split * b - b), b_low = b - b_high;
  const double product = a * b;
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

constexpr DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble p = exact_product(a.high, b.high);
  return fast_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

constexpr DoubleDouble operator/(DoubleDouble a, DoubleDouble b) {
  const double q = a.high / b.high;
  const DoubleDouble p = exact_product(q, b.high);
  return fast_sum(q, (((a.high - p.high) - p.low) + a.low - q * b.low) / b.high);
}

constexpr DoubleDouble operator+(DoubleDouble larger, DoubleDouble smaller) {
  const DoubleDouble s = fast_sum(larger.high, smaller.high);
  return fast_sum(s.high, s.low + (larger.low + smaller.low));
}

constexpr double kTanhNodesPerUnit = 16.0;
constexpr double kTanhIsOne = 20.0;  // from 19.1 on

// tanh(k / 16) = (exp(k / 8) - 1) / (exp(k / 8) + 1), k = 0 ... 320, and zeros that make the number
// of nodes a power of two: any index that is masked is one.
constexpr std::array<DoubleDouble, 512> make_tanh_nodes() {
  const DoubleDouble one{1.0, 0.0}, minus_one{-1.0, 0.0};
  DoubleDouble ratio = one;  // exp(1/8), by its series
  for (int n = 24; n > 0; --n) ratio = one + ratio * (one / DoubleDouble{8.0 * n, 0.0});
  std::array<DoubleDouble, 512> nodes{};
  DoubleDouble exponential = one;
  for (int k = 0; k <= int(kTanhIsOne * kTanhNodesPerUnit); ++k) {
    nodes[k] = (exponential + minus_one) / (exponential + one);
    exponential = exponential * ratio;
  }
  return nodes;
}

alignas(64) constexpr std::array<DoubleDouble, 512> kTanhNodes = make_tanh_nodes();

}  // namespace precisekit::kernels::PRECISEKIT_ISA
