// Tensor Chebyshev series against their sum in long double.
#include "precisekit/interpolate/chebyshev.hpp"

#include <limits>
#include <random>

#include "harness.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

struct Series {
  std::vector<double> lo, hi, c;
  std::vector<Index> shape;

  // Random coefficients; `every` > 1 keeps only degrees that are multiples of it.
  Series(std::vector<Index> sizes, Index every) : shape(std::move(sizes)) {
    std::mt19937_64 random(shape.size());
    std::uniform_real_distribution<double> uniform(-1, 1);
    Index n = 1;
    for (const Index size : shape) {
      lo.push_back(-1.0 - static_cast<double>(lo.size()));
      hi.push_back(2.0);
      n *= size;
    }
    for (Index i = 0; i < n; ++i) {
      bool kept = true;
      Index rest = i;
      for (std::size_t a = shape.size(); a-- > 0; rest /= shape[a]) {
        kept = kept && rest % shape[a] % every == 0;
      }
      c.push_back(kept ? uniform(random) : 0.0);
    }
  }

  ChebyshevSeries build() const {
    return ChebyshevSeries(lo, hi, shape, c.data(), static_cast<Index>(c.size()));
  }

  long double at(const double* x) const {
    long double sum = 0;
    for (std::size_t i = 0; i < c.size(); ++i) {
      long double term = c[i];
      Index rest = static_cast<Index>(i);
      for (std::size_t a = shape.size(); a-- > 0; rest /= shape[a]) {
        const long double t =
            (2.0L * x[a] - lo[a] - hi[a]) / (static_cast<long double>(hi[a]) - lo[a]);
        term *= std::cos(static_cast<long double>(rest % shape[a]) * std::acos(t));
      }
      sum += term;
    }
    return sum;
  }
};

}  // namespace

TEST(chebyshev_series_are_their_sum) {
  std::mt19937_64 random(0);
  for (const Index every : {1, 2}) {
    for (const std::vector<Index>& shape :
         {std::vector<Index>{1}, {23}, {8, 13}, {4, 1, 12}, {3, 4, 2, 5}}) {
      const Series series(shape, every);
      const ChebyshevSeries f = series.build();
      const Index d = f.n_dims(), n = 150;  // a whole block, and a part of one
      std::vector<double> X, y(n);
      for (Index s = 0; s < n; ++s) {
        for (Index a = 0; a < d; ++a) {
          X.push_back(std::uniform_real_distribution<double>(series.lo[a], series.hi[a])(random));
        }
      }
      f.evaluate(n, X.data(), y.data());
      double size = 0;
      for (const double c : series.c) size += std::abs(c);
      for (Index s = 0; s < n; ++s) {
        CHECK_CLOSE(y[s], series.at(X.data() + s * d), 4e-15 * size);
      }
    }
  }
}

TEST(chebyshev_terms_that_are_zero_cost_nothing) {
  const Series even({9, 9, 9}, 2);
  CHECK(even.build().n_terms() == 5 * 5 * 5);
  Series corner({10, 10}, 1);  // only i + j < 10
  for (Index i = 0; i < 10; ++i) {
    for (Index j = 10 - i; j < 10; ++j) corner.c[i * 10 + j] = 0;
  }
  CHECK(corner.build().n_terms() == 5 * 5 + 5 * 10);  // rows go by five
}

TEST(chebyshev_points_outside_are_nan) {
  const Series series({4, 3}, 1);
  const ChebyshevSeries f = series.build();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const double X[] = {0, 0, nan, 0, 0, nan, inf, 0, 2.1, 0, -1.0 - 1e-16, 2.0};
  double y[6];
  f.evaluate(6, X, y);
  CHECK(std::isfinite(y[0]));
  for (int s = 1; s < 5; ++s) CHECK(std::isnan(y[s]));
  CHECK(std::isfinite(y[5]));
  f.evaluate(0, X, y);
}

TEST(chebyshev_rejects_what_does_not_fit) {
  const std::vector<double> c(6, 1.0);
  using Shape = std::vector<Index>;
  CHECK_THROWS(ChebyshevSeries({0}, {1}, Shape{5}, c.data(), 6), std::invalid_argument);
  CHECK_THROWS(ChebyshevSeries({0}, {1, 2}, Shape{6}, c.data(), 6), std::invalid_argument);
  CHECK_THROWS(ChebyshevSeries({1}, {1}, Shape{6}, c.data(), 6), std::invalid_argument);
  CHECK_THROWS(ChebyshevSeries({0, 0}, {1, 1}, (Shape{0, 6}), c.data(), 0), std::invalid_argument);
  CHECK_THROWS(ChebyshevSeries({}, {}, Shape{}, c.data(), 1), std::invalid_argument);
}
