#include <array>

#include "arrays.hpp"
#include "precisekit/interpolate/tricubic.hpp"

namespace precisekit::bindings {

namespace {

Tricubic make_tricubic(const VectorRef& x, const VectorRef& y, const VectorRef& z,
                       const Array& values) {
  if (values.ndim() != 3 || values.shape(0) != x.size() || values.shape(1) != y.size() ||
      values.shape(2) != z.size()) {
    throw std::invalid_argument("values must have the shape that the axes say");
  }
  const double* data = values.data();
  const py::gil_scoped_release release;
  return Tricubic({x, y, z}, data);
}

void check_points(const Array& X) {
  if (X.ndim() != 2 || X.shape(1) != 3) throw std::invalid_argument("X must have shape (n, 3)");
}

Array evaluate_tricubic(const Tricubic& f, const Array& X) {
  check_points(X);
  Array y(X.shape(0));
  double* out = y.mutable_data();
  const py::gil_scoped_release release;
  f.evaluate(X.shape(0), X.data(), out);
  return y;
}

Array tricubic_gradient(const Tricubic& f, const Array& X) {
  check_points(X);
  Array gradient({X.shape(0), py::ssize_t(3)});
  double* out = gradient.mutable_data();
  const py::gil_scoped_release release;
  f.gradient(X.shape(0), X.data(), out);
  return gradient;
}

}  // namespace

void bind_tricubic(py::module_& m) {
  py::class_<Tricubic>(m, "Tricubic")
      .def(py::init(&make_tricubic), py::arg("x"), py::arg("y"), py::arg("z"), py::arg("values"))
      .def("evaluate", &evaluate_tricubic, py::arg("X"))
      .def("gradient", &tricubic_gradient, py::arg("X"));
}

}  // namespace precisekit::bindings
