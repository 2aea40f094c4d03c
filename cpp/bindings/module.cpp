#include <pybind11/pybind11.h>

namespace precisekit::bindings {
void bind_chebyshev(pybind11::module_& m);
void bind_core(pybind11::module_& m);
void bind_descent(pybind11::module_& m);
void bind_levenberg_marquardt(pybind11::module_& m);
void bind_network(pybind11::module_& m);
void bind_objective(pybind11::module_& m);
void bind_optimize(pybind11::module_& m);
void bind_spline(pybind11::module_& m);
void bind_sparse_simplex(pybind11::module_& m);
void bind_tricubic(pybind11::module_& m);
void bind_simplex(pybind11::module_& m);
}  // namespace precisekit::bindings

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of precisekit.";
  precisekit::bindings::bind_core(m);
  precisekit::bindings::bind_levenberg_marquardt(m);
  precisekit::bindings::bind_network(m);
  precisekit::bindings::bind_objective(m);
  precisekit::bindings::bind_optimize(m);
  precisekit::bindings::bind_spline(m);
  precisekit::bindings::bind_chebyshev(m);
  precisekit::bindings::bind_sparse_simplex(m);
  precisekit::bindings::bind_tricubic(m);
  precisekit::bindings::bind_simplex(m);
  precisekit::bindings::bind_descent(m);
}
