// The simplex around a query: empty spheres, one triangulation also where points are cospherical, the
// same bits for any number of threads, projections onto the hull, degenerate points.
#include "precisekit/interpolate/sparse_simplex.hpp"

#include <Eigen/QR>
#include <random>
#include <set>

#include "harness.hpp"

using namespace precisekit;
using namespace precisekit::testing;

namespace {

RowMatrix random_points(Index n, Index d, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  RowMatrix points(n, d);
  for (Index i = 0; i < points.size(); ++i) points.data()[i] = uniform(random);
  return points;
}

RowMatrix grid_points(Index per_axis, Index d) {
  Index n = 1;
  for (Index k = 0; k < d; ++k) n *= per_axis;
  RowMatrix points(n, d);
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0, rest = i; k < d; ++k, rest /= per_axis) {
      points(i, k) = 0.1 * double(rest % per_axis);
    }
  }
  return points;
}

// Points on the unit sphere.
RowMatrix sphere_points(Index n, Index d, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  RowMatrix points(n, d);
  for (Index i = 0; i < points.size(); ++i) points.data()[i] = normal(random);
  points.rowwise().normalize();
  return points;
}

Matrix corners_of(const RowMatrix& points, const SimplexLocations& found, Index query) {
  Matrix corners(points.cols(), points.cols() + 1);
  for (Index j = 0; j < corners.cols(); ++j) {
    corners.col(j) = points.row(found.rows(query, j)).transpose();
  }
  return corners;
}

// Weights of x in a simplex, by Eigen.
Vector weights_in(const Matrix& corners, const Vector& x) {
  Matrix A(corners.rows() + 1, corners.cols());
  A << corners, Eigen::RowVectorXd::Ones(corners.cols());
  Vector b(x.size() + 1);
  b << x, 1.0;
  return A.colPivHouseholderQr().solve(b);
}

// Every query lies in the simplex found, whose sphere holds no point.
void check_delaunay(const RowMatrix& points, const RowMatrix& queries) {
  const SimplexLocations found = SparseSimplex(points).locate(queries, false);
  for (Index i = 0; i < queries.rows(); ++i) {
    CHECK(found.inside[i]);
    if (!found.inside[i]) continue;
    const Matrix corners = corners_of(points, found, i);
    const Vector q = queries.row(i).transpose(), w = found.weights.row(i).transpose();
    CHECK(w.minCoeff() >= 0.0);
    CHECK_CLOSE(w.sum(), 1.0, 1e-14);
    CHECK_CLOSE((corners * w - q).norm(), 0.0, 1e-14 * std::max(1.0, q.norm()));
    const Matrix edges = corners.rightCols(points.cols()).colwise() - corners.col(0);
    const Vector squares = edges.colwise().squaredNorm().transpose();
    const Vector center = 0.5 * Matrix(edges.transpose()).colPivHouseholderQr().solve(squares);
    const double radius = center.norm();
    const RowMatrix others = points.rowwise() - corners.col(0).transpose();
    const double nearest =
        std::sqrt((others.rowwise() - center.transpose()).rowwise().squaredNorm().minCoeff());
    CHECK(nearest > radius * (1.0 - 1e-11));
  }
}

// No query lies within another of the simplices that were found.
void check_one_triangulation(const RowMatrix& points, const RowMatrix& queries) {
  const SimplexLocations found = SparseSimplex(points).locate(queries, false);
  std::set<std::vector<Index>> simplices;
  const auto key = [&](Index i) {
    return std::vector<Index>(&found.rows(i, 0), &found.rows(i, 0) + found.rows.cols());
  };
  for (Index i = 0; i < queries.rows(); ++i) {
    if (!simplices.insert(key(i)).second) continue;
    const Matrix corners = corners_of(points, found, i);
    for (Index j = 0; j < queries.rows(); ++j) {
      if (key(j) == key(i)) continue;
      CHECK(weights_in(corners, queries.row(j).transpose()).minCoeff() < 1e-10);
    }
  }
}

}  // namespace

TEST(sparse_simplex_has_an_empty_sphere) {
  for (const auto& [n, d] : std::vector<std::pair<Index, Index>>{
           {100, 1}, {2000, 2}, {1000, 3}, {800, 6}, {600, 10}, {400, 20}}) {
    RowMatrix queries = random_points(60, d, 2);
    queries = 0.5 + (queries.array() - 0.5) * (d > 9 ? 0.2 : 0.5);
    check_delaunay(random_points(n, d, 1), queries);
  }
}

TEST(sparse_simplex_far_from_the_origin_and_in_clusters) {
  RowMatrix points = random_points(500, 3, 3), queries = random_points(50, 3, 4);
  queries = 0.25 + 0.5 * queries.array();
  check_delaunay(points.array() + 1000.0, queries.array() + 1000.0);
  points.topRows(250) = 0.5 + 1e-6 * (points.topRows(250).array() - 0.5);
  queries.topRows(25) = 0.5 + 1e-6 * (queries.topRows(25).array() - 0.5);
  check_delaunay(points, queries);
}

TEST(sparse_simplex_at_the_ends_of_the_range) {
  const RowMatrix points = random_points(100, 3, 3), queries = random_points(50, 3, 4);
  const SimplexLocations truth = SparseSimplex(points).locate(queries, true);
  for (const int exponent : {-1000, -600, 600, 1000}) {
    const double scale = std::ldexp(1.0, exponent);
    const SimplexLocations found = SparseSimplex(points * scale).locate(queries * scale, true);
    CHECK(found.rows == truth.rows && found.weights == truth.weights);
  }
  // very far away the nearest point of the hull is the farthest in that direction
  RowMatrix far(1, 3);
  far << 1e300, -2e300, 5e299;
  Index most;
  (points * (1e-300 * far.row(0).transpose())).maxCoeff(&most);
  const SimplexLocations found = SparseSimplex(points).locate(far, true);
  Index corner;
  CHECK(found.weights.row(0).maxCoeff(&corner) == 1.0 && found.rows(0, corner) == most);
}

TEST(sparse_simplex_on_grids_keeps_to_one_triangulation) {
  for (const auto& [per_axis, d] :
       std::vector<std::pair<Index, Index>>{{20, 2}, {8, 3}, {4, 4}, {3, 6}}) {
    const RowMatrix points = grid_points(per_axis, d);
    const RowMatrix queries = random_points(100, d, 5) * (0.1 * double(per_axis - 1));
    check_delaunay(points, queries);
    check_one_triangulation(points, queries);
    // points of the grid, and middles between two of them
    const Index n = points.rows();
    RowMatrix middles(60, d);
    for (Index i = 0; i < 60; ++i) {
      middles.row(i) = 0.5 * (points.row(i * 7 % n) + points.row(i % 3 ? i * 13 % n : i * 7 % n));
    }
    check_delaunay(points, middles);
  }
}

TEST(sparse_simplex_with_all_points_on_a_sphere) {
  for (const Index d : {2, 3, 6}) {
    const RowMatrix points = sphere_points(d == 2 ? 2000 : 300, d, 6);
    const RowMatrix queries = 0.7 * sphere_points(100, d, 7);
    check_delaunay(points, queries);
    check_one_triangulation(points, queries);
  }
}

TEST(sparse_simplex_answers_do_not_depend_on_threads_or_company) {
  const RowMatrix points = random_points(500, 4, 8), queries = random_points(1000, 4, 9);
  const SparseSimplex simplex(points);
  const int before = ThreadPool::requested_threads();
  ThreadPool::requested_threads() = 1;
  const SimplexLocations one = simplex.locate(queries, true);
  ThreadPool::requested_threads() = 3;
  const SimplexLocations three = simplex.locate(queries, true);
  ThreadPool::requested_threads() = before;
  CHECK(one.rows == three.rows && one.weights == three.weights && one.inside == three.inside);
  for (Index i = 0; i < 50; ++i) {
    const SimplexLocations alone = simplex.locate(queries.row(i), true);
    CHECK(alone.rows == one.rows.row(i));
    CHECK_CLOSE((alone.weights - one.weights.row(i)).norm(), 0.0, 1e-15);
  }
}

TEST(sparse_simplex_projects_onto_the_hull) {
  const RowMatrix points = random_points(300, 5, 10);
  const RowMatrix queries = 3.0 * random_points(100, 5, 11).array() - 1.0;
  const SparseSimplex simplex(points);
  const SimplexLocations plain = simplex.locate(queries, false),
                         projected = simplex.locate(queries, true);
  CHECK(plain.inside == projected.inside);
  const PointCloud cloud(points);
  HullProjection hull(cloud);
  for (Index i = 0; i < queries.rows(); ++i) {
    if (plain.inside[i]) continue;
    CHECK(plain.rows(i, 0) == -1 && std::isnan(plain.weights(i, 0)));
    hull.project(queries.row(i).transpose());
    const Vector point = corners_of(points, projected, i) * projected.weights.row(i).transpose();
    CHECK(projected.weights.row(i).minCoeff() >= 0.0);
    CHECK_CLOSE((point - hull.point()).norm(), 0.0, 1e-14);
  }
}

TEST(sparse_simplex_gives_points_back_also_repeated_and_almost_repeated_ones) {
  RowMatrix points = random_points(200, 3, 12);
  points.row(100) = points.row(3);
  points.row(101) = points.row(4);
  points(101, 2) = std::nextafter(points(101, 2), 2.0);
  const SimplexLocations found = SparseSimplex(points).locate(points, false);
  for (Index i = 0; i < 200; ++i) {
    Index most;
    CHECK(found.inside[i]);
    CHECK(found.weights.row(i).maxCoeff(&most) == 1.0 && found.weights.row(i).minCoeff() == 0.0);
    CHECK(found.rows(i, most) == (i == 100 ? 3 : i));
  }
}

TEST(sparse_simplex_rejects_flat_points_and_skips_queries_that_are_not_finite) {
  RowMatrix points = random_points(100, 3, 13);
  CHECK_THROWS(SparseSimplex(points.topRows(3)), std::invalid_argument);
  const SparseSimplex simplex(points);
  CHECK_THROWS(simplex.locate(random_points(2, 2, 1), false), std::invalid_argument);
  CHECK(simplex.locate(RowMatrix(0, 3), true).rows.rows() == 0);
  RowMatrix queries = RowMatrix::Constant(3, 3, 0.5);
  queries(0, 1) = NAN;
  queries(2, 2) = INFINITY;
  const SimplexLocations found = simplex.locate(queries, true);
  CHECK(found.rows(0, 0) == -1 && found.rows(1, 0) >= 0 && found.rows(2, 0) == -1);
  points.col(2) = points.col(0) - 0.3 * points.col(1);
  CHECK_THROWS(SparseSimplex{points}, std::invalid_argument);
}

TEST(sparse_simplex_stops_when_asked) {
  const SparseSimplex simplex(random_points(100, 2, 14));
  const RowMatrix queries = RowMatrix::Constant(5000, 2, 0.5);
  // On one thread: only the caller's polls, and others may be done with all tasks before it is.
  std::atomic<int>& threads = ThreadPool::requested_threads();
  const int before = threads;
  threads = 1;
  Index polls = 0;
  const SimplexLocations found = simplex.locate(queries, false, [&] { return ++polls == 10; });
  threads = before;
  CHECK(polls == 10);
  CHECK((found.rows.col(0).array() < 0).any());
}
