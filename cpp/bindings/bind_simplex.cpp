#include "arrays.hpp"
#include "precisekit/interpolate/simplex.hpp"

namespace precisekit::bindings {

void bind_simplex(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<SimplexMesh>(m, "SimplexMesh")
      .def(py::init(&make_simplex_mesh), py::arg("points"), py::arg("simplices"),
           py::arg("neighbors"), Release())
      .def(
          "locate",
          [](const SimplexMesh& self, const RowMatrixRef& xi, bool extrapolate) {
            auto found = [&] {
              const py::gil_scoped_release release;
              return self.locate(xi, extrapolate);
            }();
            return py::make_tuple(std::move(found.rows), std::move(found.weights),
                                  std::move(found.inside));
          },
          py::arg("xi"), py::arg("extrapolate"))
      .def("interpolate", &SimplexMesh::interpolate, py::arg("xi"), py::arg("values"),
           py::arg("extrapolate"), py::arg("fill"), Release());
  m.def("weighted_values", &weighted_values, py::arg("indices"), py::arg("weights"),
        py::arg("values"), Release());
  m.def("simplex_gradients", &simplex_gradients, py::arg("points"), py::arg("indices"),
        py::arg("weights"), py::arg("inside"), py::arg("values"), Release());
}

}  // namespace precisekit::bindings
