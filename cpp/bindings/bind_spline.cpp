// Splines. Axes arrive as (knots, degree, low, high, periodic), coefficients and values with the
// channels as their last axis.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "precisekit/interpolate/bspline_calculus.hpp"
#include "precisekit/interpolate/bspline_interpolation.hpp"
#include "precisekit/interpolate/bspline_least_squares.hpp"

namespace precisekit::bindings {

namespace {

using AxisTuple = std::tuple<std::vector<double>, int, double, double, bool>;

std::vector<SplineAxis> make_axes(const std::vector<AxisTuple>& tuples) {
  std::vector<SplineAxis> axes;
  for (const auto& [knots, degree, low, high, periodic] : tuples) {
    axes.emplace_back(knots, degree, low, high, periodic);
  }
  return axes;
}

std::vector<AxisTuple> axes_of(const TensorSpline& spline) {
  std::vector<AxisTuple> tuples;
  for (const SplineAxis& axis : spline.axes()) {
    tuples.emplace_back(axis.knots(), axis.degree(), axis.low(), axis.high(), axis.periodic());
  }
  return tuples;
}

TensorSpline make_spline(const std::vector<AxisTuple>& axes, const Array& coefficients) {
  const double* data = coefficients.data();
  const Index size = coefficients.size(), n_channels = coefficients.shape(coefficients.ndim() - 1);
  const py::gil_scoped_release release;
  return TensorSpline(make_axes(axes), data, size, n_channels);
}

Array coefficients_of(const TensorSpline& spline) {
  std::vector<py::ssize_t> shape;
  for (const SplineAxis& axis : spline.axes()) shape.push_back(axis.n_coefficients());
  shape.push_back(spline.n_channels());
  Array out(shape);
  std::copy_n(spline.coefficients(), spline.size(), out.mutable_data());
  return out;
}

Array evaluate(const TensorSpline& spline, const Array& X, const std::vector<int>& nu,
               bool extrapolate, const std::vector<double>& fill) {
  Array out({X.shape(0), py::ssize_t(spline.n_channels())});
  double* to = out.mutable_data();
  const py::gil_scoped_release release;
  spline.evaluate(X.data(), X.shape(0), nu.data(), {extrapolate, fill}, to);
  return out;
}

Boundary boundary_from_name(const std::string& name) {
  if (name == "not-a-knot") return Boundary::not_a_knot;
  if (name == "natural") return Boundary::natural;
  if (name == "clamped") return Boundary::clamped;
  if (name == "periodic") return Boundary::periodic;
  throw std::invalid_argument("unknown boundary: " + name);
}

TensorSpline interpolate(const std::vector<Array>& axes, const std::vector<int>& degrees,
                         const std::vector<std::string>& boundaries, const Array& values) {
  std::vector<const double*> x;
  std::vector<Index> n_points;
  std::vector<Boundary> conditions;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    x.push_back(axes[a].data());
    n_points.push_back(axes[a].size());
    conditions.push_back(boundary_from_name(boundaries[a]));
  }
  const double* data = values.data();
  const Index n_channels = values.shape(values.ndim() - 1);
  const py::gil_scoped_release release;
  return interpolate_spline(x, n_points, degrees, conditions, data, n_channels);
}

TensorSpline fit(const std::vector<AxisTuple>& axes, const Array& X, const Array& Y,
                 const Array& weight) {
  const double *points = X.data(), *values = Y.data(), *weights = weight.data();
  const Index n = X.shape(0), n_channels = Y.shape(1);
  const py::gil_scoped_release release;
  return SplineLeastSquares(make_axes(axes), n_channels).fit(points, values, weights, n);
}

}  // namespace

void bind_spline(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<TensorSpline>(m, "TensorSpline")
      .def(py::init(&make_spline), py::arg("axes"), py::arg("coefficients"))
      .def_property_readonly("axes", &axes_of)
      .def_property_readonly("coefficients", &coefficients_of)
      .def("evaluate", &evaluate, py::arg("X"), py::arg("nu"), py::arg("extrapolate"),
           py::arg("fill"))
      .def("derivative", &derivative, py::arg("nu"), Release())
      .def("antiderivative", &antiderivative, Release())
      .def("zeros", &zeros, Release());
  m.def("interpolate_spline", &interpolate, py::arg("axes"), py::arg("degrees"),
        py::arg("boundaries"), py::arg("values"));
  m.def(
      "fewest_spline_points",
      [](int degree, const std::string& boundary) {
        return fewest_points(degree, boundary_from_name(boundary));
      },
      py::arg("degree"), py::arg("boundary"));
  m.def("fit_spline", &fit, py::arg("axes"), py::arg("X"), py::arg("Y"), py::arg("weight"));
}

}  // namespace precisekit::bindings
