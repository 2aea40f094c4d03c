#include "arrays.hpp"
#include "precisekit/optimize/differences.hpp"
#include "precisekit/optimize/levenberg_marquardt.hpp"
#include "watch.hpp"

namespace precisekit::bindings {

namespace {

using Stop = LevenbergMarquardtStop;

const char* reason_name(Stop reason) {
  switch (reason) {
    case Stop::gradient: return "gradient";
    case Stop::cost: return "cost";
    case Stop::step: return "step";
    case Stop::rounding: return "rounding";
    case Stop::max_evaluations: return "max_evaluations";
    case Stop::time_limit: return "time_limit";
    case Stop::interrupted: return "interrupted";
    case Stop::not_finite: return "not_finite";
    case Stop::jacobian_not_finite: return "jacobian_not_finite";
  }
  return "?";
}

// fun(x) -> r, in Python.
struct PythonResidual {
  const py::object& fun;
  Watch& watch;

  void operator()(const Vector& x, Vector& r) const {
    const bool stopped = watch.stops([&] {
      r = fun(Vector(x)).cast<Vector>();
      return false;
    });
    if (stopped) throw LevenbergMarquardtEnd{Stop::interrupted};
  }
};

// jac(x) -> J, in Python.
struct PythonJacobian {
  const py::object& jac;
  Watch& watch;

  template <class Residual>
  void operator()(Residual&&, const Vector& x, const Vector&, Matrix& J) const {
    const bool stopped = watch.stops([&] {
      J = jac(Vector(x)).cast<Matrix>();
      return false;
    });
    if (stopped) throw LevenbergMarquardtEnd{Stop::interrupted};
  }
  bool sharpen() const { return false; }
};

Differences differences_named(const std::string& name) {
  if (name == "2-point") return Differences::forward;
  if (name == "3-point") return Differences::central;
  return Differences::automatic;
}

template <class Jacobian>
py::dict run(PythonResidual residual, Jacobian jacobian, const VectorRef& x0,
             const LevenbergMarquardtOptions& options, const py::object& observe, Watch& watch) {
  LevenbergMarquardtHooks hooks;
  hooks.observe = [&](const LevenbergMarquardtProgress& p) {
    return watch.stops([&] {
      return observe(p.iteration, p.seconds, p.cost, p.damping, Vector(p.x)).cast<bool>();
    });
  };
  hooks.poll = [&] { return watch.poll(); };
  LevenbergMarquardtResult result = [&] {
    const py::gil_scoped_release release;
    LevenbergMarquardt<PythonResidual, Jacobian> solver(residual, jacobian, options);
    return solver.minimize(x0, hooks);
  }();
  py::dict out;
  out["reason"] = watch.reason_or_raise(reason_name(result.reason));
  out["x"] = std::move(result.x);
  out["residual"] = std::move(result.residual);
  out["jacobian"] = std::move(result.jacobian);
  out["iterations"] = result.iterations;
  out["evaluations"] = result.evaluations;
  out["jacobians"] = result.jacobians;
  return out;
}

// `jac` is a function, or the name of the differences to take.
py::dict levenberg_marquardt(const py::object& fun, const VectorRef& x0, const py::object& jac,
                             double relative_step, const LevenbergMarquardtOptions& options,
                             const py::object& observe) {
  Watch watch;
  const PythonResidual residual{fun, watch};
  if (!py::isinstance<py::str>(jac)) {
    return run(residual, PythonJacobian{jac, watch}, x0, options, observe, watch);
  }
  const DifferenceJacobian differences(differences_named(jac.cast<std::string>()), relative_step);
  return run(residual, differences, x0, options, observe, watch);
}

// The Jacobian of fun at x by extrapolated differences, and an estimate of each column's error.
py::tuple extrapolated_jacobian(const py::object& fun, const VectorRef& x, const VectorRef& r) {
  DifferenceJacobian differences(Differences::automatic);
  differences.sharpen();
  Matrix J;
  differences([&](const Vector& at, Vector& out) { out = fun(Vector(at)).cast<Vector>(); }, x, r,
              J);
  return py::make_tuple(std::move(J), differences.errors());
}

}  // namespace

void bind_levenberg_marquardt(py::module_& m) {
  py::class_<LevenbergMarquardtOptions>(m, "LevenbergMarquardtOptions")
      .def(py::init<>())
      .def_readwrite("cost_tolerance", &LevenbergMarquardtOptions::cost_tolerance)
      .def_readwrite("step_tolerance", &LevenbergMarquardtOptions::step_tolerance)
      .def_readwrite("gradient_tolerance", &LevenbergMarquardtOptions::gradient_tolerance)
      .def_readwrite("max_evaluations", &LevenbergMarquardtOptions::max_evaluations)
      .def_readwrite("time_limit", &LevenbergMarquardtOptions::time_limit)
      .def_readwrite("scale", &LevenbergMarquardtOptions::scale)
      .def_readwrite("second_order", &LevenbergMarquardtOptions::second_order);
  m.def("levenberg_marquardt", &levenberg_marquardt, py::arg("fun"), py::arg("x0"), py::arg("jac"),
        py::arg("relative_step"), py::arg("options"), py::arg("observe"));
  m.def("extrapolated_jacobian", &extrapolated_jacobian, py::arg("fun"), py::arg("x"),
        py::arg("residual"));
}

}  // namespace precisekit::bindings
