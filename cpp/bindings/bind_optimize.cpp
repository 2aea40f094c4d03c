#include "arrays.hpp"
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

// Runs without the GIL; it is taken for each call of `observe` and, a few times a second, to let
// Python see a Ctrl-C. An exception of `observe` ends the run and is raised again.
py::dict taylor_lm(const LeastSquares& objective, const VectorRef& theta0, int order,
                   Index max_iterations, double tolerance, double time_limit, double damping,
                   const py::object& observe) {
  TaylorLmOptions options;
  options.order = order;
  options.max_iterations = max_iterations;
  options.tolerance = tolerance;
  options.time_limit = time_limit;
  options.damping = damping;

  bool keyboard_interrupt = false;
  std::exception_ptr failure;
  TaylorLmHooks hooks;
  hooks.observe = [&](const TaylorLmProgress& p) {
    const py::gil_scoped_acquire acquire;
    try {
      return observe(p.iteration, p.seconds, p.relative_rmse, p.damping, Vector(p.theta))
          .cast<bool>();
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) failure = std::current_exception();
      keyboard_interrupt = !failure;
      return true;
    }
  };
  auto last_poll = std::chrono::steady_clock::now();
  hooks.poll = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_poll < std::chrono::milliseconds(50)) return false;
    last_poll = now;
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() == 0) return false;
    py::error_already_set error;
    if (!error.matches(PyExc_KeyboardInterrupt)) failure = std::make_exception_ptr(error);
    keyboard_interrupt = !failure;
    return true;
  };

  TaylorLmResult result = [&] {
    const py::gil_scoped_release release;
    TaylorLm solver(objective, options);
    return solver.minimize(theta0, hooks);
  }();
  if (failure) std::rethrow_exception(failure);
  py::dict out;
  out["theta"] = std::move(result.theta);
  out["relative_rmse"] = result.relative_rmse;
  out["reason"] = keyboard_interrupt ? "keyboard_interrupt" : reason_name(result.reason);
  out["iterations"] = result.iterations;
  out["trials"] = result.trials;
  out["residual_evaluations"] = result.residual_evaluations;
  out["jacobian_evaluations"] = result.jacobian_evaluations;
  out["damping"] = result.damping;
  return out;
}

}  // namespace

void bind_optimize(py::module_& m) {
  m.def("taylor_lm", &taylor_lm, py::arg("objective"), py::arg("theta0"), py::arg("order"),
        py::arg("max_iterations"), py::arg("tolerance"), py::arg("time_limit"), py::arg("damping"),
        py::arg("observe"));
}

}  // namespace precisekit::bindings
