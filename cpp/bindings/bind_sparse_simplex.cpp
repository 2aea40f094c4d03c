#include <chrono>
#include <exception>

#include "arrays.hpp"
#include "precisekit/interpolate/sparse_simplex.hpp"

namespace precisekit::bindings {

namespace {

// Runs without the GIL, which is taken a few times a second to let Python see a Ctrl-C.
py::tuple locate(const SparseSimplex& self, const RowMatrixRef& xi, bool extrapolate) {
  std::exception_ptr interrupt;
  auto last_poll = std::chrono::steady_clock::now();
  const auto poll = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_poll < std::chrono::milliseconds(50)) return false;
    last_poll = now;
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() == 0) return false;
    interrupt = std::make_exception_ptr(py::error_already_set());
    return true;
  };
  SimplexLocations found = [&] {
    const py::gil_scoped_release release;
    return self.locate(xi, extrapolate, poll);
  }();
  if (interrupt) std::rethrow_exception(interrupt);
  return py::make_tuple(std::move(found.rows), std::move(found.weights), std::move(found.inside));
}

}  // namespace

void bind_sparse_simplex(py::module_& m) {
  py::class_<SparseSimplex>(m, "SparseSimplex")
      .def(py::init<const RowMatrixRef&>(), py::arg("points"),
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("dimension", &SparseSimplex::dimension)
      .def_property_readonly("size", &SparseSimplex::size)
      .def("locate", &locate, py::arg("xi"), py::arg("extrapolate") = false);
}

}  // namespace precisekit::bindings
