// The kernels against long double and naive loops: every size of the register tiles and its rest.
#include "precisekit/kernels/active.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;
using kernels::kBlock;
using kernels::kStride;

namespace {

constexpr double kEps = 0x1p-53;

Buffer random_rows(Random& random, Index rows) {
  Buffer rows_of_block(rows * kStride);
  for (Index i = 0; i < rows_of_block.size(); ++i) rows_of_block.data()[i] = random();
  return rows_of_block;
}

double ulp(long double x) {
  const double magnitude = double(std::fabs(x));
  return std::nextafter(magnitude, INFINITY) - magnitude;
}

// Worst error of an activation in units in the last place, over a sweep of arguments.
long double worst_ulp(Activation sigma, double from, double to) {
  Buffer z(kStride), a(kStride);
  long double worst = 0.0L;
  for (int start = 0; start < 20000; start += kBlock) {
    for (Index s = 0; s < kBlock; ++s) {
      z.data()[s] = from + (to - from) * double(start + s) / 20096.0;
    }
    kernels::active().activate(sigma, kBlock, 1, z.data(), a.data(), nullptr, nullptr);
    for (Index s = 0; s < kBlock; ++s) {
      const long double truth = activation_derivatives(sigma, z.data()[s], 0)[0];
      worst = std::max(worst, std::fabs(a.data()[s] - truth) / ulp(truth));
    }
  }
  return worst;
}

}  // namespace

TEST(kernels_activations_are_right_to_the_last_digits) {
  CHECK(worst_ulp(Activation::tanh, -22.0, 22.0) <= 0.65L);
  CHECK(worst_ulp(Activation::tanh, -2.0, 2.0) <= 0.65L);
  CHECK(worst_ulp(Activation::tanh, -1e-3, 1e-3) <= 0.65L);
  CHECK(worst_ulp(Activation::sin, -10.0, 10.0) <= 2.0L);
  CHECK(worst_ulp(Activation::sin, 2e5, 3e5) <= 2.0L);
  CHECK(worst_ulp(Activation::sigmoid, -30.0, 40.0) <= 4.0L);
  CHECK(worst_ulp(Activation::gelu, -10.0, 10.0) <= 4.0L);
  CHECK(worst_ulp(Activation::relu, -1.0, 1.0) == 0.0L);
  CHECK(worst_ulp(Activation::identity, -1.0, 1.0) == 0.0L);
}

TEST(kernels_activation_derivatives) {
  Buffer z(kStride), a(kStride), d1(kStride), d2(kStride);
  for (const Activation sigma : {Activation::identity, Activation::tanh, Activation::relu,
                                 Activation::sin, Activation::sigmoid, Activation::gelu}) {
    for (Index s = 0; s < kBlock; ++s) z.data()[s] = 0.1 * double(s - 64) + 0.01;
    kernels::active().activate(sigma, kBlock, 1, z.data(), a.data(), d1.data(), d2.data());
    for (Index s = 0; s < kBlock; ++s) {
      const Series truth = activation_derivatives(sigma, z.data()[s], 2);
      CHECK_CLOSE(d1.data()[s], truth[1], 8 * kEps);
      CHECK_CLOSE(d2.data()[s], truth[2], 16 * kEps);
    }
  }
}

TEST(kernels_activations_at_the_edges) {
  const double inf = INFINITY, edges[] = {0.0, -0.0, inf, -inf, NAN, 1e308, -1e308, 5e-324};
  Buffer z(kStride), a(kStride);
  for (Index s = 0; s < kBlock; ++s) z.data()[s] = edges[s % 8];
  const auto run = [&](Activation sigma) {
    kernels::active().activate(sigma, kBlock, 1, z.data(), a.data(), nullptr, nullptr);
    return a.data();
  };
  const double* t = run(Activation::tanh);
  CHECK(t[0] == 0.0 && !std::signbit(t[0]) && std::signbit(t[1]));
  CHECK(t[2] == 1.0 && t[3] == -1.0 && std::isnan(t[4]) && t[5] == 1.0 && t[6] == -1.0);
  CHECK(t[7] == 5e-324);
  const double* s = run(Activation::sigmoid);
  CHECK(s[0] == 0.5 && s[2] == 1.0 && s[3] == 0.0 && std::isnan(s[4]));
  const double* r = run(Activation::relu);
  CHECK(r[0] == 0.0 && r[2] == inf && r[3] == 0.0 && std::isnan(r[4]));
  CHECK(std::isnan(run(Activation::sin)[2]));
  const double* g = run(Activation::gelu);
  CHECK(g[0] == 0.0 && g[2] == inf && std::isnan(g[4]) && g[5] == 1e308 && g[6] == 0.0);
}

// A fused product and sum loses nothing; without it the products have been rounded.
TEST(kernels_compensated_affine) {
  Random random(2);
  const Index n_in = 40;
  Buffer C(kStride);
  long double error = 0.0L, error_of_loop = 0.0L;
  for (int repetition = 0; repetition < 20; ++repetition) {
    const Buffer A = random_rows(random, n_in);
    const Vector W = random.vector(n_in), bias = random.vector(1);
    kernels::active().compensated_affine(kBlock, 1, n_in, W.data(), bias.data(), A.data(),
                                         C.data());
    for (Index s = 0; s < kBlock; ++s) {
      double loop = bias[0];
      long double truth = bias[0];
      for (Index k = 0; k < n_in; ++k) {
        const double a = A.data()[k * kStride + s];
        loop += W[k] * a;
        truth += (long double)W[k] * a;
      }
      error += (C.data()[s] - truth) * (C.data()[s] - truth);
      error_of_loop += (loop - truth) * (loop - truth);
    }
  }
  const bool fused = std::string(kernels::active().isa).substr(0, 3) == "avx";
  CHECK(std::sqrt(error / error_of_loop) < (fused ? 0.3L : 0.7L));
}

TEST(kernels_compensated_affine_keeps_infinities) {
  Buffer A(2 * kStride), C(kStride);
  for (Index i = 0; i < A.size(); ++i) A.data()[i] = 1e300;
  const Vector W = Vector::Constant(2, 1e300), bias = Vector::Zero(1);
  kernels::active().compensated_affine(kBlock, 1, 2, W.data(), bias.data(), A.data(), C.data());
  CHECK(C.data()[0] == INFINITY);
}

TEST(kernels_affine) {
  Random random(1);
  for (Index n_out = 1; n_out <= 13; ++n_out) {
    for (const Index n_in : {1, 2, 7}) {
      for (const Index cols : {32, 96, 128}) {
        for (int variant = 0; variant < 8; ++variant) {
          const bool transposed = variant & 1, with_bias = variant & 2, accumulate = variant & 4;
          const Buffer A = random_rows(random, n_in), D = random_rows(random, n_out);
          const Vector W = random.vector(n_out * n_in), bias = random.vector(n_out);
          Buffer C = random_rows(random, n_out);
          const std::vector<double> before(C.data(), C.data() + C.size());
          const Index row_stride = transposed ? 1 : n_in, col_stride = transposed ? n_out : 1;
          kernels::active().affine(cols, n_out, n_in, W.data(), row_stride, col_stride,
                                   with_bias ? bias.data() : nullptr,
                                   transposed ? D.data() : nullptr, A.data(), C.data(), accumulate);
          for (Index j = 0; j < n_out; ++j) {
            for (Index s = 0; s < kStride; ++s) {
              const Index at = j * kStride + s;
              if (s >= cols) {
                CHECK(C.data()[at] == before[at]);
                continue;
              }
              long double sum = accumulate ? before[at] : with_bias ? bias[j] : 0.0;
              for (Index k = 0; k < n_in; ++k) {
                sum += (long double)W[j * row_stride + k * col_stride] * A.data()[k * kStride + s];
              }
              if (transposed) sum *= D.data()[at];
              CHECK_CLOSE(C.data()[at], sum, double(2 * n_in + 2) * 2 * kEps);
            }
          }
        }
      }
    }
  }
}

// The order of the sums, and so each bit, is that of rows that lie in one piece.
TEST(kernels_affine_of_a_wide_layer_along_its_columns) {
  Random random(3);
  for (const Index n_out : {65, 66, 67, 68, 69}) {
    for (const Index n_in : {3, 256, 257, 700}) {
      for (int variant = 0; variant < 8; ++variant) {
        const bool multiply = variant & 1, with_bias = variant & 2, accumulate = variant & 4;
        const Buffer A = random_rows(random, n_in), D = random_rows(random, n_out);
        const RowMatrix W = random.vector(n_out * n_in).reshaped(n_out, n_in);
        const Matrix transposed = W;  // column-major
        const Vector bias = random.vector(n_out);
        Buffer C = random_rows(random, n_out), wanted(C.size());
        std::copy_n(C.data(), C.size(), wanted.data());
        const auto affine = [&](const double* w, Index row_stride, Index col_stride, double* c) {
          kernels::active().affine(96, n_out, n_in, w, row_stride, col_stride,
                                   with_bias ? bias.data() : nullptr, multiply ? D.data() : nullptr,
                                   A.data(), c, accumulate);
        };
        affine(W.data(), n_in, 1, wanted.data());
        affine(transposed.data(), 1, n_out, C.data());
        CHECK(std::equal(C.data(), C.data() + C.size(), wanted.data()));
      }
    }
  }
}

TEST(kernels_accumulate_gradient) {
  Random random(2);
  for (Index n_e = 1; n_e <= 9; ++n_e) {
    for (Index n_a = 1; n_a <= 11; ++n_a) {
      const Index cols = 32 * (1 + (n_e + n_a) % 4);
      const Buffer E = random_rows(random, n_e), A = random_rows(random, n_a);
      const Vector G0 = random.vector(n_e * n_a), g0 = random.vector(n_e);
      Vector G = G0, g = g0;
      kernels::active().accumulate_gradient(cols, n_e, n_a, E.data(), A.data(), G.data(), g.data());
      for (Index j = 0; j < n_e; ++j) {
        long double sum = g0[j];
        for (Index s = 0; s < cols; ++s) sum += E.data()[j * kStride + s];
        CHECK_CLOSE(g[j], sum, double(cols) * kEps);
        for (Index k = 0; k < n_a; ++k) {
          sum = G0[j * n_a + k];
          for (Index s = 0; s < cols; ++s) {
            sum += (long double)E.data()[j * kStride + s] * A.data()[k * kStride + s];
          }
          CHECK_CLOSE(G[j * n_a + k], sum, double(cols) * kEps);
        }
      }
    }
  }
}

TEST(kernels_pair_products) {
  Random random(3);
  const Index n_x = 3, n_y = 2, ld = 131;
  const Buffer X = random_rows(random, n_x), Y = random_rows(random, n_y);
  for (const Index n : {1, 5, 31, 64, 127, 128}) {
    // Exactly as long as the last column ends: a write beyond is for the sanitizer.
    std::vector<double> out((n_x * n_y - 1) * ld + n, 7.0);
    kernels::active().pair_products(n, n_x, n_y, X.data(), Y.data(), out.data(), ld);
    for (Index p = 0; p < Index(out.size()); ++p) {
      const Index i = p / ld / n_y, j = p / ld % n_y, s = p % ld;
      const double truth = s < n ? X.data()[i * kStride + s] * Y.data()[j * kStride + s] : 7.0;
      CHECK(out[p] == truth);
    }
  }
}

TEST(kernels_series) {
  Random random(4);
  const Index rows = 3, cols = 96, stride = rows * kStride;
  const int order = 6;
  const Buffer X = random_rows(random, rows * (order + 1));
  const Buffer Y = random_rows(random, rows * (order + 1));
  const Buffer addend = random_rows(random, rows);
  Buffer out(stride);
  for (int k = 0; k <= order; ++k) {
    for (int first = 0; first <= k; ++first) {
      const double* add = first % 2 ? addend.data() : nullptr;
      kernels::active().series_product(cols, rows, k, first, k, X.data(), Y.data(), stride, -0.5,
                                       add, out.data());
      for (Index at = 0; at < stride; ++at) {
        if (at % kStride >= cols) continue;
        long double sum = 0.0L;
        for (int j = first; j <= k; ++j) {
          sum += (long double)X.data()[j * stride + at] * Y.data()[(k - j) * stride + at];
        }
        CHECK_CLOSE(out.data()[at], (add ? add[at] : 0.0) - 0.5L * sum, 16 * kEps);
      }
    }
  }

  const Buffer dz = random_rows(random, rows), u0 = random_rows(random, rows);
  Buffer zk = random_rows(random, rows), a = random_rows(random, rows), da(stride);
  const std::vector<double> zk0(zk.data(), zk.data() + stride), a0(a.data(), a.data() + stride);
  kernels::active().series_correct(cols, rows, 5, dz.data(), u0.data(), zk.data(), a.data(),
                                   da.data());
  for (Index at = 0; at < stride; ++at) {
    if (at % kStride >= cols) continue;
    CHECK_CLOSE(da.data()[at], (long double)u0.data()[at] * dz.data()[at], kEps);
    CHECK_CLOSE(a.data()[at], a0[at] + (long double)u0.data()[at] * dz.data()[at], 4 * kEps);
    CHECK_CLOSE(zk.data()[at], zk0[at] + 5.0L * dz.data()[at], 8 * kEps);
  }
}
