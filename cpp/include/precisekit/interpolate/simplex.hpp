// Piecewise linear interpolation of scattered data over a Delaunay mesh, and the places of queries in it.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "precisekit/core/parallel.hpp"
#include "precisekit/core/types.hpp"
#include "precisekit/interpolate/barycentric.hpp"
#include "precisekit/interpolate/delaunay_mesh.hpp"
#include "precisekit/interpolate/mesh_walk.hpp"
#include "precisekit/interpolate/morton_order.hpp"

namespace precisekit {

// A mesh whose dimension is only known at run time; make_simplex_mesh() makes one.
//
// Queries are the rows of xi (m x d). Those farther outside of the hull than rounding have no answer,
// or, with `extrapolate`, that of the nearest point of the hull; those that hold NaN or infinity never
// have one. An answer does not depend on the other queries.
class SimplexMesh {
 public:
  virtual ~SimplexMesh() = default;
  virtual Index dimension() const = 0;

  // The simplex around each query and the barycentric weights there.
  //
  // Throws std::invalid_argument when xi has a wrong number of columns.
  virtual SimplexLocations locate(const RowMatrixRef& xi, bool extrapolate) const = 0;

  // What weighted_values() makes of locate(), to the last bit, without memory for the weights. `fill`
  // holds, for each column of `values`, the answer to queries without one; those that hold NaN are
  // answered by NaN.
  //
  // Throws std::invalid_argument when xi has a wrong number of columns, `values` has not a row for
  // each point, or `fill` is of another length.
  virtual RowMatrix interpolate(const RowMatrixRef& xi, const RowMatrixRef& values,
                                bool extrapolate, const VectorRef& fill) const = 0;
};

template <int D>
class SimplexMeshOf final : public SimplexMesh {
 public:
  SimplexMeshOf(const RowMatrixRef& points, const SimplexTableRef& simplices,
                const SimplexTableRef& neighbors)
      : mesh_(points, simplices, neighbors), n_points_(points.rows()) {}

  Index dimension() const override { return mesh_.dimension(); }

  SimplexLocations locate(const RowMatrixRef& xi, bool extrapolate) const override {
    check_columns(xi);
    SimplexLocations out(xi.rows(), dimension());
    answer(xi, extrapolate,
           [&](Index query, Place place, const Index* rows, const double* weights) {
             if (place == Place::nowhere) return;
             out.inside[query] = place == Place::inside;
             std::copy(rows, rows + dimension() + 1, &out.rows(query, 0));
             std::copy(weights, weights + dimension() + 1, &out.weights(query, 0));
           });
    return out;
  }

  RowMatrix interpolate(const RowMatrixRef& xi, const RowMatrixRef& values, bool extrapolate,
                        const VectorRef& fill) const override {
    check_columns(xi);
    if (values.rows() != n_points_ || fill.size() != values.cols()) {
      throw std::invalid_argument("points, values and fill do not fit together");
    }
    const Index n = values.cols();
    RowMatrix out(xi.rows(), n);
    answer(xi, extrapolate,
           [&](Index query, Place place, const Index* rows, const double* weights) {
             double* result = out.data() + query * n;
             if (place != Place::nowhere) {
               weighted_sum(mesh_.dimension() + 1, rows, weights, values, result);
             } else if (xi.row(query).hasNaN()) {
               std::fill(result, result + n, std::numeric_limits<double>::quiet_NaN());
             } else {
               std::copy(fill.data(), fill.data() + n, result);
             }
           });
    return out;
  }

 private:
  using Place = typename MeshWalk<D>::Place;
  static constexpr Index kTaskQueries = 4096, kBlock = 64;

  void check_columns(const RowMatrixRef& xi) const {
    if (xi.cols() == dimension()) return;
    throw std::invalid_argument("xi must have " + std::to_string(dimension()) + " columns, got " +
                                std::to_string(xi.cols()));
  }

  // Calls write(query, place, rows, weights) for all queries, along a curve through space.
  template <class Write>
  void answer(const RowMatrixRef& xi, bool extrapolate, const Write& write) const {
    const Index m = xi.rows(), n_tasks = (m + kTaskQueries - 1) / kTaskQueries;
    const bool in_order = is_coherent(xi);
    const KeyOrder order = in_order ? KeyOrder(0) : morton_order(xi);
    parallel_for(n_tasks, [&](Index task) {
      const Range range = task_range(m, n_tasks, task);
      MeshWalk<D> walk(mesh_);
      constexpr int kCorners = DelaunayMesh<D>::capacity + 1;
      Index query[kBlock], rows[kCorners];
      double weights[kCorners];
      std::int32_t simplex[kBlock];
      for (Index first = range.first; first < range.last; first += kBlock) {
        const Index size = std::min(kBlock, range.last - first);
        Index n_inside = 0;
        for (Index i = first; i < first + size; ++i) {
          query[n_inside] = in_order ? i : order.item(i);
          const Place place = walk.go_to(&xi.coeffRef(query[n_inside], 0), extrapolate);
          simplex[n_inside] = walk.simplex();
          if (place == Place::inside) {
            ++n_inside;
            continue;
          }
          if (place == Place::on_hull) {
            set_rows(walk.simplex(), rows);
            walk.weigh_on_hull(weights);
          }
          write(query[n_inside], place, rows, weights);
        }
        // Apart from the walks, whose turns nobody foresees, so that these overlap in the processor.
        for (Index i = 0; i < n_inside; ++i) {
          set_rows(simplex[i], rows);
          mesh_.weigh(simplex[i], mesh_.coordinates(&xi.coeffRef(query[i], 0)), weights);
          write(query[i], Place::inside, rows, weights);
        }
      }
    });
  }

  void set_rows(Index s, Index* rows) const {
    for (int k = 0; k <= mesh_.dimension(); ++k) rows[k] = mesh_.row(s, k);
  }

  // Whether the queries run through space in steps about as short as ordered ones would.
  bool is_coherent(const RowMatrixRef& xi) const {
    const Index m = xi.rows(), d = dimension();
    if (m < 3) return true;
    double path = 0.0;
    const Index stride = std::max<Index>(1, m / 1024);
    Index steps = 0;
    for (Index i = 1; i < m; i += stride, ++steps) {
      double step = 0.0;
      for (Index j = 0; j < d; ++j) {
        step = std::max(step, std::abs(xi(i, j) - xi(i - 1, j)) * mesh_.scale()[int(j)]);
      }
      path += step;
    }
    return path <= 4.0 * double(steps) * std::pow(double(m), -1.0 / double(d));
  }

  DelaunayMesh<D> mesh_;
  Index n_points_;
};

// The mesh with the given corners (one simplex a row) and neighbours (opposite to each corner, -1 on
// the hull), as SciPy's Delaunay has them; `points` (n x d) are finite.
//
// Throws std::invalid_argument for shapes that do not match and for rows that name what is not there.
inline std::unique_ptr<SimplexMesh> make_simplex_mesh(const RowMatrixRef& points,
                                                      const SimplexTableRef& simplices,
                                                      const SimplexTableRef& neighbors) {
  const Index d = points.cols();
  if (d < 1 || d > Dimension<Eigen::Dynamic>::capacity) {
    throw std::invalid_argument("a mesh can have 1 to " +
                                std::to_string(Dimension<Eigen::Dynamic>::capacity) +
                                " dimensions, got " + std::to_string(d));
  }
  if (simplices.rows() < 1 || simplices.cols() != d + 1 || neighbors.rows() != simplices.rows() ||
      neighbors.cols() != d + 1) {
    throw std::invalid_argument("simplices and neighbors must both have the shape (m, " +
                                std::to_string(d + 1) + ") and at least one row");
  }
  switch (d) {
    case 1: return std::make_unique<SimplexMeshOf<1>>(points, simplices, neighbors);
    case 2: return std::make_unique<SimplexMeshOf<2>>(points, simplices, neighbors);
    case 3: return std::make_unique<SimplexMeshOf<3>>(points, simplices, neighbors);
    case 4: return std::make_unique<SimplexMeshOf<4>>(points, simplices, neighbors);
    case 5: return std::make_unique<SimplexMeshOf<5>>(points, simplices, neighbors);
    case 6: return std::make_unique<SimplexMeshOf<6>>(points, simplices, neighbors);
    default: return std::make_unique<SimplexMeshOf<Eigen::Dynamic>>(points, simplices, neighbors);
  }
}

}  // namespace precisekit
