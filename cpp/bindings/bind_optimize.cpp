#include "arrays.hpp"
#include "precisekit/objective/least_squares.hpp"
#include "precisekit/optimize/taylor_lm.hpp"
#include "watch.hpp"

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

py::dict taylor_lm(const LeastSquares& objective, const VectorRef& theta0, int order,
                   Index max_iterations, double tolerance, double time_limit, double damping,
                   bool pade, const py::object& observe) {
  TaylorLmOptions options;
  options.order = order;
  options.max_iterations = max_iterations;
  options.tolerance = tolerance;
  options.time_limit = time_limit;
  options.damping = damping;
  options.pade = pade;

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

}  // namespace

void bind_optimize(py::module_& m) {
  m.def("taylor_lm", &taylor_lm, py::arg("objective"), py::arg("theta0"), py::arg("order"),
        py::arg("max_iterations"), py::arg("tolerance"), py::arg("time_limit"), py::arg("damping"),
        py::arg("pade"), py::arg("observe"));
}

}  // namespace precisekit::bindings
