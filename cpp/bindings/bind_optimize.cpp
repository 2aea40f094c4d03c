#include "arrays.hpp"
#include "precisekit/objective/least_squares.hpp"
#include "precisekit/optimize/bfgs.hpp"
#include "precisekit/optimize/taylor_lm.hpp"

namespace precisekit::bindings {

namespace {

const char* reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::tolerance: return "tolerance";
    case StopReason::stalled: return "stalled";
    case StopReason::no_damping: return "no_damping";
    case StopReason::max_iterations: return "max_iterations";
    case StopReason::time_limit: return "time_limit";
    case StopReason::interrupted: return "interrupted";
    case StopReason::not_finite: return "not_finite";
  }
  return "?";
}

const char* reason_name(BfgsStop reason) {
  switch (reason) {
    case BfgsStop::gradient: return "gradient";
    case BfgsStop::target: return "tolerance";
    case BfgsStop::step: return "step";
    case BfgsStop::rounding: return "rounding";
    case BfgsStop::max_iterations: return "max_iterations";
    case BfgsStop::time_limit: return "time_limit";
    case BfgsStop::interrupted: return "interrupted";
    case BfgsStop::not_finite: return "not_finite";
  }
  return "?";
}

// A run goes without the GIL; it is taken for each call of Python, and, a few times a second, to let
// Python see a Ctrl-C. An exception ends the run: Ctrl-C keeps the result, others are raised again.
class Watch {
 public:
  // What `call`, which calls Python, returns; true when that raises.
  template <class Call>
  bool stops(Call&& call) {
    const py::gil_scoped_acquire acquire;
    try {
      return call();
    } catch (py::error_already_set& error) {
      keep(error);
      return true;
    }
  }

  bool poll() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_poll_ < std::chrono::milliseconds(50)) return false;
    last_poll_ = now;
    return stops([] {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return false;
    });
  }

  // With the GIL, after the run.
  const char* reason_or_raise(const char* reason) const {
    if (failure_) std::rethrow_exception(failure_);
    return keyboard_interrupt_ ? "keyboard_interrupt" : reason;
  }

 private:
  void keep(const py::error_already_set& error) {
    keyboard_interrupt_ = error.matches(PyExc_KeyboardInterrupt);
    if (!keyboard_interrupt_) failure_ = std::current_exception();
  }

  bool keyboard_interrupt_ = false;
  std::exception_ptr failure_;
  std::chrono::steady_clock::time_point last_poll_ = std::chrono::steady_clock::now();
};

py::dict taylor_lm(const LeastSquares& objective, const VectorRef& theta0, int order,
                   Index max_iterations, double tolerance, double time_limit, double damping,
                   const py::object& observe) {
  TaylorLmOptions options;
  options.order = order;
  options.max_iterations = max_iterations;
  options.tolerance = tolerance;
  options.time_limit = time_limit;
  options.damping = damping;

  Watch watch;
  TaylorLmHooks hooks;
  hooks.observe = [&](const TaylorLmProgress& p) {
    return watch.stops([&] {
      return observe(p.iteration, p.seconds, p.relative_rmse, p.damping, Vector(p.theta))
          .cast<bool>();
    });
  };
  hooks.poll = [&] { return watch.poll(); };
  TaylorLmResult result = [&] {
    const py::gil_scoped_release release;
    TaylorLm solver(objective, options);
    return solver.minimize(theta0, hooks);
  }();
  py::dict out;
  out["reason"] = watch.reason_or_raise(reason_name(result.reason));
  out["theta"] = std::move(result.theta);
  out["relative_rmse"] = result.relative_rmse;
  out["iterations"] = result.iterations;
  out["trials"] = result.trials;
  out["residual_evaluations"] = result.residual_evaluations;
  out["jacobian_evaluations"] = result.jacobian_evaluations;
  out["damping"] = result.damping;
  return out;
}

// fun(x) -> (value, gradient), in Python.
struct PythonFunction {
  const py::object& fun;
  Watch& watch;

  double value_and_gradient(const Vector& x, Vector& gradient) const {
    double value = 0.0;
    const bool stopped = watch.stops([&] {
      const py::tuple result = fun(Vector(x));
      value = result[0].cast<double>();
      gradient = result[1].cast<Vector>();
      return false;
    });
    if (stopped) throw StopRequest{BfgsStop::interrupted};
    return value;
  }
};

template <class Objective>
py::dict run_bfgs(const Objective& objective, const VectorRef& x0, const BfgsOptions& options,
                  const py::object& observe, Watch& watch) {
  BfgsHooks hooks;
  hooks.observe = [&](const BfgsProgress& p) {
    return watch.stops(
        [&] { return observe(p.iteration, p.seconds, p.value, Vector(p.x)).cast<bool>(); });
  };
  hooks.poll = [&] { return watch.poll(); };
  BfgsResult result = [&] {
    const py::gil_scoped_release release;
    Bfgs<Objective> solver(objective, options);
    return solver.minimize(x0, hooks);
  }();
  py::dict out;
  out["reason"] = watch.reason_or_raise(reason_name(result.reason));
  out["x"] = std::move(result.x);
  out["fun"] = result.value;
  out["jac"] = std::move(result.gradient);
  out["hess_inv"] = std::move(result.inverse_hessian);
  out["noise"] = result.noise;
  out["iterations"] = result.iterations;
  out["evaluations"] = result.evaluations;
  return out;
}

py::dict bfgs_least_squares(const LeastSquares& objective, const VectorRef& theta0,
                            const BfgsOptions& options, const py::object& observe) {
  Watch watch;
  return run_bfgs(objective, theta0, options, observe, watch);
}

py::dict bfgs_function(const py::object& fun, const VectorRef& x0, const BfgsOptions& options,
                       const py::object& observe) {
  Watch watch;
  return run_bfgs(PythonFunction{fun, watch}, x0, options, observe, watch);
}

}  // namespace

void bind_optimize(py::module_& m) {
  m.def("taylor_lm", &taylor_lm, py::arg("objective"), py::arg("theta0"), py::arg("order"),
        py::arg("max_iterations"), py::arg("tolerance"), py::arg("time_limit"), py::arg("damping"),
        py::arg("observe"));

  py::class_<BfgsOptions>(m, "BfgsOptions")
      .def(py::init<>())
      .def_readwrite("gradient_tolerance", &BfgsOptions::gradient_tolerance)
      .def_readwrite("norm", &BfgsOptions::norm)
      .def_readwrite("step_tolerance", &BfgsOptions::step_tolerance)
      .def_readwrite("target", &BfgsOptions::target)
      .def_readwrite("max_iterations", &BfgsOptions::max_iterations)
      .def_readwrite("time_limit", &BfgsOptions::time_limit)
      .def_property(
          "c1", [](const BfgsOptions& o) { return o.wolfe.c1; },
          [](BfgsOptions& o, double c1) { o.wolfe.c1 = c1; })
      .def_property(
          "c2", [](const BfgsOptions& o) { return o.wolfe.c2; },
          [](BfgsOptions& o, double c2) { o.wolfe.c2 = c2; })
      .def_readwrite("self_scaling", &BfgsOptions::self_scaling)
      .def_readwrite("inverse_hessian", &BfgsOptions::inverse_hessian);
  m.def("bfgs_least_squares", &bfgs_least_squares, py::arg("objective"), py::arg("theta0"),
        py::arg("options"), py::arg("observe"));
  m.def("bfgs_function", &bfgs_function, py::arg("fun"), py::arg("x0"), py::arg("options"),
        py::arg("observe"));
}

}  // namespace precisekit::bindings
