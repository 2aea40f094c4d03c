#include <pybind11/stl.h>

#include "arrays.hpp"
#include "precisekit/network/activation.hpp"
#include "precisekit/network/input_derivatives.hpp"
#include "precisekit/network/mlp.hpp"

namespace precisekit::bindings {

namespace {

using Names = std::vector<std::string>;

// names: for each hidden layer one, or one for each unit.
Mlp make_mlp(const std::vector<Index>& sizes, const std::vector<Names>& names) {
  std::vector<LayerActivation> activations;
  for (const Names& layer : names) {
    std::vector<Activation> units;
    for (const std::string& name : layer) units.push_back(activation_from_name(name));
    activations.emplace_back(std::move(units));
  }
  return Mlp(sizes, activations);
}

// hidden: the widths of each module; inputs: coordinates, then, from n_inputs on, earlier modules.
Mlp make_graph(Index n_inputs, const std::vector<std::vector<Index>>& inputs,
               const std::vector<std::vector<Index>>& hidden, const std::string& activation) {
  if (inputs.size() != hidden.size()) {
    throw std::invalid_argument("inputs and hidden must have one entry for each module");
  }
  std::vector<Module> modules;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    modules.push_back({inputs[i], hidden[i], activation_from_name(activation)});
  }
  return Mlp(n_inputs, modules);
}

// One name where all units of a layer share it.
std::vector<Names> activation_names(const Mlp& net) {
  std::vector<Names> names;
  for (Index l = 0; l + 1 < net.n_layers(); ++l) {
    const auto& groups = net.layers()[l].groups;
    Names& layer = names.emplace_back();
    for (const UnitGroup& group : groups) {
      layer.insert(layer.end(), groups.size() == 1 ? 1 : group.count,
                   activation_name(group.activation));
    }
  }
  return names;
}

// (n, n_outputs, n_params) as a view of memory ordered (n_params, n_outputs, n).
py::array_t<double> parameter_jacobian(const Mlp& net, const VectorRef& theta,
                                       const RowMatrixRef& X) {
  const Index n = X.rows(), m = net.n_outputs(), P = net.n_params();
  auto buffer = std::make_unique<Buffer>(n * m * P);
  double* data = buffer->data();
  {
    const py::gil_scoped_release release;
    jacobian(net, theta, X, data);
  }
  return owning_array(std::move(buffer), data, {n, m, P}, {1, n, m * n});
}

py::array_t<double> input_gradient_array(const Mlp& net, const VectorRef& theta,
                                         const RowMatrixRef& X) {
  py::array_t<double> out({X.rows(), net.n_outputs(), net.n_inputs()});
  double* data = out.mutable_data();
  const py::gil_scoped_release release;
  input_gradient(net, theta, X, data);
  return out;
}

py::array_t<double> input_hessian_array(const Mlp& net, const VectorRef& theta,
                                        const RowMatrixRef& X) {
  py::array_t<double> out({X.rows(), net.n_outputs(), net.n_inputs(), net.n_inputs()});
  double* data = out.mutable_data();
  const py::gil_scoped_release release;
  input_hessian(net, theta, X, data);
  return out;
}

py::array forward_long_double(const Mlp& net, const VectorRef& theta, const RowMatrixRef& X) {
  std::vector<long double> f;
  {
    const py::gil_scoped_release release;
    f = forward_extended(net, theta, X);
  }
  py::array_t<long double> out({X.rows(), net.n_outputs()});
  std::copy(f.begin(), f.end(), out.mutable_data());
  return out;
}

}  // namespace

void bind_network(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<Mlp>(m, "Mlp")
      .def(py::init(&make_mlp), py::arg("sizes"), py::arg("activations"))
      .def_static("graph", &make_graph, py::arg("n_inputs"), py::arg("inputs"), py::arg("hidden"),
                  py::arg("activation"))
      .def_property_readonly("sizes", &Mlp::sizes)
      .def_property_readonly("activations", &activation_names)
      .def_property_readonly("n_params", &Mlp::n_params)
      .def_property_readonly("is_smooth", &Mlp::is_smooth)
      .def_property_readonly("is_chain", &Mlp::is_chain)
      .def("forward", &forward, py::arg("theta"), py::arg("X"), Release())
      .def("forward_extended", &forward_long_double, py::arg("theta"), py::arg("X"))
      .def("jacobian", &parameter_jacobian, py::arg("theta"), py::arg("X"))
      .def("input_gradient", &input_gradient_array, py::arg("theta"), py::arg("X"))
      .def("input_hessian", &input_hessian_array, py::arg("theta"), py::arg("X"));
}

}  // namespace precisekit::bindings
