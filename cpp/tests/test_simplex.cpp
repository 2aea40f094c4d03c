// Location in meshes: regular grids of flat simplices and cospherical points, hulls that are not quite
// convex, and meshes that are not valid.
#include "precisekit/interpolate/simplex.hpp"

#include <algorithm>
#include <numeric>

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

struct Grid {
  RowMatrix points;
  SimplexTable simplices, neighbors;
};

// A grid of n^d unit cubes cut by Kuhn's rule: one simplex for each order in which the coordinates are
// raised. All corners of a cube are on one sphere.
Grid kuhn_grid(int d, int n) {
  Grid grid;
  const auto power = [](int base, int exponent) {
    Index result = 1;
    while (exponent-- > 0) result *= base;
    return result;
  };
  grid.points.resize(power(n + 1, d), d);
  for (Index p = 0; p < grid.points.rows(); ++p) {
    for (int j = 0; j < d; ++j) grid.points(p, j) = double(p / power(n + 1, j) % (n + 1));
  }
  std::vector<std::vector<std::int32_t>> simplices;
  for (Index cube = 0; cube < power(n, d); ++cube) {
    Index corner = 0;
    for (int j = 0; j < d; ++j) corner += cube / power(n, j) % n * power(n + 1, j);
    std::vector<int> order(d);
    std::iota(order.begin(), order.end(), 0);
    do {
      std::vector<std::int32_t> simplex{std::int32_t(corner)};
      for (const int j : order) {
        simplex.push_back(simplex.back() + std::int32_t(power(n + 1, j)));
      }
      simplices.push_back(simplex);
    } while (std::next_permutation(order.begin(), order.end()));
  }
  grid.simplices.resize(Index(simplices.size()), d + 1);
  grid.neighbors = SimplexTable::Constant(Index(simplices.size()), d + 1, -1);
  for (Index s = 0; s < grid.simplices.rows(); ++s) {
    for (int k = 0; k <= d; ++k) grid.simplices(s, k) = simplices[s][k];
  }
  const auto facet = [&](Index s, int k) {
    std::vector<std::int32_t> corners = simplices[s];
    corners.erase(corners.begin() + k);
    std::sort(corners.begin(), corners.end());
    return corners;
  };
  for (Index s = 0; s < grid.simplices.rows(); ++s) {
    for (Index t = 0; t < s; ++t) {
      for (int k = 0; k <= d; ++k) {
        for (int l = 0; l <= d; ++l) {
          if (facet(s, k) != facet(t, l)) continue;
          grid.neighbors(s, k) = std::int32_t(t);
          grid.neighbors(t, l) = std::int32_t(s);
        }
      }
    }
  }
  return grid;
}

// How far the weighted corners are from the queries, at most.
double position_error(const RowMatrix& points, const RowMatrix& xi, const SimplexLocations& at) {
  return (weighted_values(at.rows, at.weights, points) - xi).cwiseAbs().maxCoeff();
}

}  // namespace

TEST(simplex_locates_in_regular_grids) {
  for (int d = 1; d <= 4; ++d) {
    const int n = d == 1 ? 50 : d == 2 ? 9 : d == 3 ? 4 : 2;
    const Grid grid = kuhn_grid(d, n);
    const auto mesh = make_simplex_mesh(grid.points, grid.simplices, grid.neighbors);
    CHECK(mesh->dimension() == d);
    Random random(d);
    const RowMatrix xi =
        (random.matrix(5000, d).array().cwiseMin(1.0).cwiseMax(-1.0) + 1.0) * 0.5 * n;
    const SimplexLocations at = mesh->locate(xi, false);
    CHECK(at.inside.all());
    CHECK_CLOSE(position_error(grid.points, xi, at), 0.0, 1e-14);
    // along a diagonal of the cubes a query is on a facet of many simplices
    const RowMatrix diagonal = (0.5 * grid.points).array() + 0.25 * n;
    CHECK_CLOSE(position_error(grid.points, diagonal, mesh->locate(diagonal, false)), 0.0, 1e-14);

    const SimplexLocations corners = mesh->locate(grid.points, false);
    for (Index p = 0; p < grid.points.rows(); ++p) {
      for (int k = 0; k <= d; ++k) {
        CHECK(corners.weights(p, k) == double(corners.rows(p, k) == p));
      }
    }
  }
}

TEST(simplex_has_no_answer_outside) {
  const Grid grid = kuhn_grid(2, 3);
  const auto mesh = make_simplex_mesh(grid.points, grid.simplices, grid.neighbors);
  RowMatrix xi(5, 2);
  xi << -1e-9, 1, 1, 3.0 + 1e-9, NAN, 1, 1, INFINITY, 1.5, 1.5;
  const SimplexLocations at = mesh->locate(xi, false);
  for (Index i = 0; i < 4; ++i) {
    CHECK(!at.inside[i] && at.rows(i, 0) == -1 && std::isnan(at.weights(i, 2)));
  }
  CHECK(at.inside[4]);
  CHECK(mesh->locate(RowMatrix(0, 2), false).rows.rows() == 0);
}

// On the lower edge of the hull rounding has pressed one point inwards, next to another: nearly all of
// the edge is beyond the short facet between them, and only beyond that, seen from the flat simplex.
TEST(simplex_is_not_misled_by_a_concave_hull) {
  RowMatrix points(5, 2);
  points << -1, 0, 0, 0, 1e-6, 1e-15, 1, 0, 0, 1;
  SimplexTable simplices(3, 3), neighbors(3, 3);
  simplices << 0, 1, 2, 0, 2, 4, 2, 3, 4;
  neighbors << -1, 1, -1, 2, -1, 0, -1, 1, -1;
  const auto mesh = make_simplex_mesh(points, simplices, neighbors);
  for (const double x : {1.0, 0.5, 0.01, -0.5}) {
    RowMatrix xi(2, 2);
    xi << 0, 0, x, 0;  // the walk to the second starts at the first, in the flat simplex
    const SimplexLocations at = mesh->locate(xi, false);
    CHECK(at.inside.all());
    CHECK_CLOSE(position_error(points, xi, at), 0.0, 1e-14);
    xi(1, 1) = -1e-12;  // not beyond the short facet by more than its neighbours are
    CHECK(!mesh->locate(xi, false).inside[1]);
  }
}

TEST(simplex_interpolates_where_it_locates) {
  for (int d = 1; d <= 4; ++d) {
    const Grid grid = kuhn_grid(d, 2);
    const auto mesh = make_simplex_mesh(grid.points, grid.simplices, grid.neighbors);
    Random random(d);
    const RowMatrix values = random.matrix(grid.points.rows(), 3);
    RowMatrix xi = 1.3 * random.matrix(700, d).array() + 1.0;  // some outside, and the points
    xi.topRows(grid.points.rows()) = grid.points;
    xi(600, 0) = NAN;
    xi(601, 0) = INFINITY;
    const Vector fill = Eigen::Vector3d(5, 6, 7);
    for (const bool extrapolate : {false, true}) {
      const SimplexLocations at = mesh->locate(xi, extrapolate);
      const RowMatrix expected = weighted_values(at.rows, at.weights, values);
      const RowMatrix out = mesh->interpolate(xi, values, extrapolate, fill);
      for (Index i = 0; i < xi.rows(); ++i) {
        for (Index l = 0; l < 3; ++l) {
          if (i < grid.points.rows()) CHECK(out(i, l) == values(i, l));
          if (i == 600) CHECK(std::isnan(out(i, l)));
          if (i != 600) CHECK(out(i, l) == (at.rows(i, 0) < 0 ? fill[l] : expected(i, l)));
        }
      }
      CHECK((at.rows.col(0).array() < 0).count() >= (extrapolate ? 2 : 20));
    }
    CHECK_THROWS(mesh->interpolate(xi, values, false, fill.head(2)), std::invalid_argument);
    CHECK_THROWS(mesh->interpolate(xi, values.topRows(2), false, fill), std::invalid_argument);
  }
}

// Simplices of any shape, a few far thinner than they are long: the weights give the query back.
TEST(simplex_weights_keep_the_position_in_thin_simplices) {
  for (const double height : {1.0, 0.03, 1e-3, 1e-5, 1e-9}) {
    RowMatrix points(4, 3);
    points << 0, 0, 0, 1, 0.1, 0, 0.2, 1, 0.1, 0.4, 0.3, height;
    SimplexTable simplices(1, 4), neighbors = SimplexTable::Constant(1, 4, -1);
    simplices << 0, 1, 2, 3;
    const auto mesh = make_simplex_mesh(points, simplices, neighbors);
    Random random(0);
    RowMatrix shares = random.matrix(200, 4).cwiseAbs();
    for (Index i = 0; i < shares.rows(); ++i) shares.row(i) /= shares.row(i).sum();
    const RowMatrix xi = shares * points;
    const SimplexLocations at = mesh->locate(xi, false);
    CHECK(at.inside.all());
    CHECK(at.weights.minCoeff() >= 0.0);
    CHECK_CLOSE(position_error(points, xi, at), 0.0, 4e-15);
  }
}

TEST(simplex_gradient_is_that_of_the_values) {
  const Grid grid = kuhn_grid(3, 2);
  const auto mesh = make_simplex_mesh(grid.points, grid.simplices, grid.neighbors);
  Random random(0);
  const Matrix slopes = random.matrix(3, 2);
  const RowMatrix values = grid.points * slopes;
  const RowMatrix xi = (random.matrix(200, 3).array().cwiseMin(1.0).cwiseMax(-1.0) + 1.0);
  const SimplexLocations at = mesh->locate(xi, false);
  const RowMatrix gradients =
      simplex_gradients(grid.points, at.rows, at.weights, at.inside, values);
  for (Index i = 0; i < 200; ++i) {
    for (int l = 0; l < 2; ++l) {
      for (int j = 0; j < 3; ++j) CHECK_CLOSE(gradients(i, 3 * l + j), slopes(j, l), 1e-14);
    }
  }
}

// Beyond a face, an edge and a corner of a cube, and along them.
TEST(simplex_extrapolates_from_the_hull) {
  const Grid grid = kuhn_grid(3, 2);
  const auto mesh = make_simplex_mesh(grid.points, grid.simplices, grid.neighbors);
  RowMatrix xi(4, 3), nearest(4, 3), slopes(4, 3);
  xi << 0.7, 0.3, -1, 3, 0.6, 2.5, -1, 5, 7, NAN, 1, 1;
  nearest << 0.7, 0.3, 0, 2, 0.6, 2, 0, 2, 2, NAN, NAN, NAN;
  slopes << 1, 2, 0, 0, 2, 0, 0, 0, 0, NAN, NAN, NAN;
  const SimplexLocations at = mesh->locate(xi, true);
  const RowMatrix found = weighted_values(at.rows, at.weights, grid.points);
  const RowMatrix values = grid.points * Eigen::Vector3d(1, 2, 4);
  const RowMatrix gradients =
      simplex_gradients(grid.points, at.rows, at.weights, at.inside, values);
  CHECK(!at.inside.any());
  for (Index i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      CHECK_CLOSE(found(i, j), nearest(i, j), 1e-15);
      CHECK_CLOSE(gradients(i, j), slopes(i, j), 1e-14);
    }
  }
  CHECK(at.rows(3, 0) == -1 && std::isnan(gradients(3, 0)));
}

TEST(simplex_rejects_invalid_meshes) {
  Grid grid = kuhn_grid(2, 1);
  const auto make = [&] { return make_simplex_mesh(grid.points, grid.simplices, grid.neighbors); };
  const auto mesh = make();
  CHECK_THROWS(mesh->locate(RowMatrix::Zero(2, 3), false), std::invalid_argument);
  const SimplexLocations at = mesh->locate(grid.points, false);
  CHECK_THROWS(weighted_values(at.rows, at.weights, RowMatrix::Zero(3, 1)), std::invalid_argument);
  grid.simplices(1, 1) = 4;
  CHECK_THROWS(make(), std::invalid_argument);
  grid.simplices(1, 1) = 0;
  grid.neighbors(0, 0) = 2;
  CHECK_THROWS(make(), std::invalid_argument);
  grid.neighbors.resize(2, 2);
  CHECK_THROWS(make(), std::invalid_argument);
  grid.points = RowMatrix::Zero(40, 33);
  CHECK_THROWS(make(), std::invalid_argument);
}
