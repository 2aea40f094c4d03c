#include <pybind11/stl.h>

#include "arrays.hpp"
#include "precisekit/interpolate/chebyshev.hpp"

namespace precisekit::bindings {

namespace {

ChebyshevSeries make_series(const Array& coefficients, std::vector<double> lo,
                            std::vector<double> hi) {
  const std::vector<Index> shape(coefficients.shape(), coefficients.shape() + coefficients.ndim());
  return ChebyshevSeries(std::move(lo), std::move(hi), shape, coefficients.data(),
                         coefficients.size());
}

Array evaluate_series(const ChebyshevSeries& f, const Array& X) {
  if (X.ndim() != 2 || X.shape(1) != f.n_dims()) {
    throw std::invalid_argument("X must have shape (n, " + std::to_string(f.n_dims()) + ")");
  }
  Array y(X.shape(0));
  double* out = y.mutable_data();
  const py::gil_scoped_release release;
  f.evaluate(X.shape(0), X.data(), out);
  return y;
}

}  // namespace

void bind_chebyshev(py::module_& m) {
  py::class_<ChebyshevSeries>(m, "ChebyshevSeries")
      .def(py::init(&make_series), py::arg("coefficients"), py::arg("lo"), py::arg("hi"))
      .def_property_readonly("n_terms", &ChebyshevSeries::n_terms)
      .def("evaluate", &evaluate_series, py::arg("X"));
}

}  // namespace precisekit::bindings
