#include "arrays.hpp"
#include "precisekit/objective/hessian.hpp"
#include "precisekit/objective/hessian_vector_product.hpp"
#include "precisekit/objective/least_squares.hpp"

namespace precisekit::bindings {

void bind_objective(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<LeastSquares>(m, "LeastSquares")
      .def(py::init<const Mlp&, const RowMatrixRef&, const RowMatrixRef&, const VectorRef&>(),
           py::arg("net"), py::arg("X"), py::arg("Y"), py::arg("sample_weight"))
      .def_property_readonly("n_residuals", &LeastSquares::n_residuals)
      .def_property_readonly("target_norm", &LeastSquares::target_norm)
      .def("value", &LeastSquares::value, py::arg("theta"), Release())
      .def(
          "value_and_gradient",
          [](const LeastSquares& self, const VectorRef& theta) {
            Vector gradient(self.n_params());
            double value;
            {
              const py::gil_scoped_release release;
              value = self.value_and_gradient(theta, gradient);
            }
            return py::make_tuple(value, std::move(gradient));
          },
          py::arg("theta"))
      .def("residual", &LeastSquares::residual, py::arg("theta"), Release())
      .def("residual_jacobian", &LeastSquares::residual_jacobian, py::arg("theta"), Release())
      .def("gauss_newton", &LeastSquares::gauss_newton, py::arg("theta"), Release())
      .def("hessian", &hessian, py::arg("theta"), Release())
      .def("hessian_vector_product", &hessian_vector_product, py::arg("theta"), py::arg("v"),
           Release());
}

}  // namespace precisekit::bindings
