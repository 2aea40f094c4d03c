// Scans over a cloud of points, and projections onto its hull, against plain loops.
#include "precisekit/interpolate/point_cloud.hpp"

#include <random>

#include "harness.hpp"
#include "precisekit/interpolate/hull_projection.hpp"

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

// Sizes around those of the blocks and tiles; the tree is used up to eight dimensions.
const std::vector<std::pair<Index, Index>> kSizes = {{1, 3},   {63, 2},  {64, 2},  {65, 1},
                                                     {300, 3}, {700, 6}, {200, 9}, {130, 20}};

// The step at which the power of point x vanishes; infinite where it never does.
double step_to(const kernels::SphereSweep& sweep, const Vector& x) {
  const Index d = x.size();
  const Vector u = x - Eigen::Map<const Vector>(sweep.base, d);
  const double power = u.dot(u - Eigen::Map<const Vector>(sweep.twice_center, d));
  const double alpha = u.dot(Eigen::Map<const Vector>(sweep.direction, d));
  return alpha > sweep.min_alpha ? power / alpha : INFINITY;
}

}  // namespace

TEST(point_cloud_scans_find_what_plain_loops_find) {
  for (const auto& [n, d] : kSizes) {
    const RowMatrix points = random_points(n, d, 1), queries = random_points(20, d, 2);
    const PointCloud cloud(points);
    CHECK(cloud.size() == n);
    for (Index i = 0; i < queries.rows(); ++i) {
      const Vector q = 2.0 * queries.row(i).transpose().array() - 0.5;
      Index nearest, lowest;
      (points.rowwise() - q.transpose()).rowwise().squaredNorm().minCoeff(&nearest);
      CHECK(cloud.id(cloud.nearest(q.data())) == nearest);

      const Vector slope = q.array() - 0.5;
      const Vector heights = (points.rowwise() - q.transpose()) * slope;
      const double least = heights.minCoeff(&lowest);
      const kernels::PointValue found = cloud.lowest(q.data(), slope.data());
      CHECK(cloud.id(found.at) == lowest);
      CHECK_CLOSE(found.value, least, 1e-14 * double(d));
    }
  }
}

TEST(point_cloud_sweeps_meet_the_first_point) {
  for (const auto& [n, d] : kSizes) {
    const RowMatrix points = random_points(n, d, 3), directions = random_points(20, d, 4);
    const PointCloud cloud(points);
    for (Index i = 0; i < directions.rows(); ++i) {
      // from the sphere of radius zero around a point
      const Index member = i % n;
      Vector base(d);
      cloud.copy_point(member, base);
      const Vector direction = directions.row(i).transpose().array() - 0.5, zero = Vector::Zero(d);
      kernels::SphereSweep sweep{};
      sweep.base = base.data();
      sweep.twice_center = sweep.lift_slope = zero.data();
      sweep.direction = direction.data();
      sweep.min_alpha = 1e-13;
      sweep.relative_slack = 1e-13;
      sweep.members = &member;
      sweep.n_members = 1;
      cloud.first_on_sphere(sweep, directions.row(i).data());

      double least = INFINITY;
      Index first = -1;
      for (Index j = 0; j < n; ++j) {
        const double step = step_to(sweep, points.row(j).transpose());
        if (points.row(j).transpose() != base && step < least) {
          least = step;
          first = j;
        }
      }
      CHECK((sweep.at < 0 ? -1 : cloud.id(sweep.at)) == first);
      if (first >= 0) CHECK_CLOSE(sweep.step, least, 1e-12 * (1.0 + least));
    }
  }
}

TEST(point_cloud_ties_are_broken_by_the_lifts) {
  // The sphere through a point of a circle, its center on the way to that of the circle, meets all
  // others at once; a small alpha, next to the start, turns rounding into large errors of the step.
  const Index n = 2000;
  RowMatrix points(n, 2);
  for (Index i = 0; i < n; ++i) {
    const double angle = 2.0 * M_PI * double(i) / double(n);
    points.row(i) << std::cos(angle), std::sin(angle);
  }
  const PointCloud cloud(points);
  const Vector base = points.row(0).transpose(), direction = -base, zero = Vector::Zero(2);
  const Index member = cloud.find(base.data());
  kernels::SphereSweep sweep{};
  sweep.base = base.data();
  sweep.twice_center = sweep.lift_slope = zero.data();
  sweep.direction = direction.data();
  sweep.base_lift = cloud.lift(member);
  sweep.min_alpha = sweep.relative_slack = 1e-13;
  sweep.members = &member;
  sweep.n_members = 1;
  double least = INFINITY;
  Index best = -1;
  for (Index at = 0; at < n; ++at) {
    Vector x(2);
    cloud.copy_point(at, x);
    const double alpha = (x - base).dot(direction), rate = cloud.lift(at) - sweep.base_lift;
    if (at != member && rate / alpha < least) {
      least = rate / alpha;
      best = at;
    }
  }
  for (const Index hint : {0, 7, 500, 1000, 1999}) {  // the order of the scan does not matter
    cloud.first_on_sphere(sweep, points.row(hint).data());
    CHECK(sweep.at == best);
    CHECK_CLOSE(sweep.step, 2.0, 1e-11);
  }
}

TEST(point_cloud_counts_repeated_points_once) {
  RowMatrix points = random_points(200, 3, 5);
  points.row(150) = points.row(20);
  points.row(10) = points.row(20);
  const PointCloud cloud(points);
  CHECK(cloud.size() == 198);
  CHECK(cloud.id(cloud.find(points.row(150).data())) == 10);
  for (Index i = 0; i < 200; ++i) {
    const Index at = cloud.find(points.row(i).data());
    CHECK(at >= 0 && points.row(cloud.id(at)) == points.row(i));
  }
  Vector other = points.row(0).transpose();
  other[2] = std::nextafter(other[2], 2.0);
  CHECK(cloud.find(other.data()) == -1);
  CHECK_THROWS(PointCloud(RowMatrix(0, 3)), std::invalid_argument);
}

TEST(hull_projection_is_the_nearest_point_of_the_hull) {
  for (const auto& [n, d] : kSizes) {
    const RowMatrix points = random_points(n, d, 6), queries = random_points(30, d, 7);
    const PointCloud cloud(points);
    HullProjection hull(cloud);
    for (Index i = 0; i < queries.rows(); ++i) {
      const Vector q = 4.0 * queries.row(i).transpose().array() - 1.5;
      hull.project(q);
      Vector sum = Vector::Zero(d);
      for (std::size_t j = 0; j < hull.corners().size(); ++j) {
        sum += hull.weights()[Index(j)] * points.row(cloud.id(hull.corners()[j])).transpose();
      }
      CHECK(hull.weights().minCoeff() > 0.0);
      CHECK_CLOSE(hull.weights().sum(), 1.0, 1e-15 * double(d));
      CHECK_CLOSE((sum - hull.point()).norm(), 0.0, 1e-14);
      // no point lies before the plane through the projection, across the way to the query
      const Vector way = hull.point() - q;
      const double length = way.norm();
      if (length < 1e-12) continue;  // inside
      const double nearest = (points * way).minCoeff() / length - hull.point().dot(way) / length;
      CHECK(nearest > -1e-13);
    }
  }
}

TEST(hull_projection_onto_flat_and_straight_hulls) {
  // a cube: onto faces, edges and corners, where many points are as near
  RowMatrix cube(27, 3);
  for (Index i = 0; i < 27; ++i) cube.row(i) << double(i % 3), double(i / 3 % 3), double(i / 9);
  const PointCloud cloud(cube);
  HullProjection hull(cloud);
  const RowMatrix queries = random_points(100, 3, 8);
  for (Index i = 0; i < queries.rows(); ++i) {
    const Vector q = 6.0 * queries.row(i).transpose().array() - 2.0;
    hull.project(q);
    CHECK_CLOSE((hull.point() - q.cwiseMax(0.0).cwiseMin(2.0)).norm(), 0.0, 1e-14);
  }
  // a segment in three dimensions
  RowMatrix line(5, 3);
  for (Index i = 0; i < 5; ++i) line.row(i) << double(i), 2.0 * double(i), -double(i);
  const PointCloud segment(line);
  HullProjection onto(segment);
  Vector q(3);
  q << 3.0, 0.0, 0.0;  // nearest at t = q'(1, 2, -1) / 6
  onto.project(q);
  CHECK_CLOSE((onto.point() - 0.5 * Vector(line.row(1).transpose())).norm(), 0.0, 1e-15);
}

TEST(hull_projection_onto_a_simplex_clips_what_rounding_left_outside) {
  RowMatrix points(4, 3);
  points << 0, 0, 0, 1, 0, 0, 0, 1, 0, 0.3, 0.3, 1e-12;  // flat
  const PointCloud cloud(points);
  HullProjection hull(cloud);
  Vector q(3);
  q << 0.25, 0.5, -1e-17;
  hull.project(q, {0, 1, 2, 3});
  CHECK(hull.weights().minCoeff() > 0.0);
  CHECK_CLOSE((hull.point() - q).norm(), 0.0, 1e-16);
}
