#include <type_traits>

#include "arrays.hpp"
#include "precisekit/objective/hessian.hpp"
#include "precisekit/objective/least_squares.hpp"
#include "precisekit/optimize/adam.hpp"
#include "precisekit/optimize/bfgs.hpp"
#include "precisekit/optimize/lbfgs.hpp"
#include "precisekit/optimize/low_curvature.hpp"
#include "precisekit/optimize/newton.hpp"
#include "precisekit/optimize/ssbfgs.hpp"
#include "precisekit/optimize/ssbroyden.hpp"
#include "watch.hpp"

namespace precisekit::bindings {

namespace {

const char* reason_name(DescentStop reason) {
  switch (reason) {
    case DescentStop::gradient: return "gradient";
    case DescentStop::target: return "tolerance";
    case DescentStop::step: return "step";
    case DescentStop::rounding: return "rounding";
    case DescentStop::no_step: return "no_step";
    case DescentStop::no_curvature_below: return "no_curvature_below";
    case DescentStop::max_iterations: return "max_iterations";
    case DescentStop::time_limit: return "time_limit";
    case DescentStop::interrupted: return "interrupted";
    case DescentStop::not_finite: return "not_finite";
  }
  return "?";
}

// An object of Python with the methods value(x), value_and_gradient(x) and hessian(x).
class PythonFunction {
 public:
  PythonFunction(const py::object& fun, Watch& watch) : fun_(fun), watch_(watch) {}

  double value(const Vector& x) const {
    double value = 0.0;
    call([&] { value = fun_.attr("value")(Vector(x)).cast<double>(); });
    return value;
  }

  double value_and_gradient(const Vector& x, Vector& gradient) const {
    double value = 0.0;
    call([&] {
      const py::tuple result = fun_.attr("value_and_gradient")(Vector(x));
      value = result[0].cast<double>();
      gradient = result[1].cast<Vector>();
    });
    return value;
  }

  friend Matrix hessian(const PythonFunction& f, const Vector& x) {
    Matrix H;
    f.call([&] { H = f.fun_.attr("hessian")(Vector(x)).cast<Matrix>(); });
    return H;
  }

 private:
  template <class Call>
  void call(Call&& call) const {
    const bool stopped = watch_.stops([&] {
      call();
      return false;
    });
    if (stopped) throw StopRequest{DescentStop::interrupted};
  }

  const py::object& fun_;
  Watch& watch_;
};

// Runs solve(objective, hooks) -> DescentResult without the GIL, where the objective is a
// LeastSquares or a PythonFunction.
template <class Solve>
py::dict descend(const py::object& objective, const py::object& observe, Solve&& solve) {
  Watch watch;
  DescentHooks hooks;
  hooks.observe = [&](const DescentProgress& p) {
    return watch.stops(
        [&] { return observe(p.iteration, p.seconds, p.value, Vector(p.x)).cast<bool>(); });
  };
  hooks.poll = [&] { return watch.poll(); };
  const auto run = [&](const auto& f) {
    const py::gil_scoped_release release;
    return solve(f, hooks);
  };
  DescentResult result = py::isinstance<LeastSquares>(objective)
                             ? run(objective.cast<const LeastSquares&>())
                             : run(PythonFunction(objective, watch));
  py::dict out;
  out["reason"] = watch.reason(reason_name(result.reason));
  out["exception"] = watch.exception();
  out["x"] = std::move(result.x);
  out["fun"] = result.value;
  out["jac"] = std::move(result.gradient);
  out["noise"] = result.noise;
  out["nit"] = result.iterations;
  out["nfev"] = result.evaluations;
  out["njev"] = result.gradient_evaluations;
  out["nhev"] = result.hessian_evaluations;
  return out;
}

template <class Objective>
using Plain = std::decay_t<Objective>;

template <class InverseHessian>
py::dict run_quasi_newton(const py::object& objective, const VectorRef& x0,
                          const QuasiNewtonOptions& options, InverseHessian& H,
                          const py::object& observe) {
  return descend(objective, observe, [&](const auto& f, const DescentHooks& hooks) {
    return QuasiNewton<Plain<decltype(f)>, InverseHessian>(f, options).minimize(x0, H, hooks);
  });
}

// For all that keep an inverse Hessian in full; an empty inverse Hessian is not given, and `first`
// tells the identity's constructor more.
template <class InverseHessian, class... First>
py::dict bfgs(const py::object& objective, const VectorRef& x0, const QuasiNewtonOptions& options,
              const Matrix& inverse_hessian, First... first, const py::object& observe) {
  InverseHessian H = inverse_hessian.size() ? InverseHessian(inverse_hessian)
                                            : InverseHessian(x0.size(), first...);
  py::dict out = run_quasi_newton(objective, x0, options, H, observe);
  out["hess_inv"] = std::move(H).matrix();
  return out;
}

py::dict lbfgs(const py::object& objective, const VectorRef& x0, const QuasiNewtonOptions& options,
               Index memory, const py::object& observe) {
  LimitedMemoryInverseHessian H(x0.size(), memory);
  py::dict out = run_quasi_newton(objective, x0, options, H, observe);
  out["steps"] = H.steps();
  out["changes"] = H.changes();
  return out;
}

// A batch_size of 0 is all samples. A state that has not begun does so at x0; it may be read whenever
// `observe` is called.
py::dict adam(const py::object& objective, const VectorRef& x0, AdamState& state,
              const AdamOptions& options, Index batch_size, const py::object& observe) {
  if (state.x.size() == 0) state = AdamState(x0);
  return descend(objective, observe, [&](const auto& f, const DescentHooks& hooks) {
    using Objective = Plain<decltype(f)>;
    if constexpr (std::is_same_v<Objective, LeastSquares>) {
      if (batch_size != 0 && batch_size < f.samples().n()) {
        ConsecutiveSlices slices(f, batch_size);
        return Adam<Objective, ConsecutiveSlices>(f, slices, options).minimize(state, hooks);
      }
    }
    FullBatch<Objective> all{f};
    return Adam<Objective, FullBatch<Objective>>(f, all, options).minimize(state, hooks);
  });
}

py::dict low_curvature(const py::object& objective, const VectorRef& x0,
                       const LowCurvatureOptions& options, const py::object& observe) {
  return descend(objective, observe, [&](const auto& f, const DescentHooks& hooks) {
    return LowCurvature<Plain<decltype(f)>>(f, options).minimize(x0, hooks);
  });
}

py::dict newton(const py::object& objective, const VectorRef& x0, const NewtonOptions& options,
                const py::object& observe) {
  return descend(objective, observe, [&](const auto& f, const DescentHooks& hooks) {
    return Newton<Plain<decltype(f)>>(f, options).minimize(x0, hooks);
  });
}

void bind_options(py::module_& m) {
  py::class_<DescentOptions>(m, "DescentOptions")
      .def_readwrite("target", &DescentOptions::target)
      .def_readwrite("max_iterations", &DescentOptions::max_iterations)
      .def_readwrite("time_limit", &DescentOptions::time_limit);

  py::class_<QuasiNewtonOptions, DescentOptions>(m, "QuasiNewtonOptions")
      .def(py::init<>())
      .def_readwrite("gradient_tolerance", &QuasiNewtonOptions::gradient_tolerance)
      .def_readwrite("norm", &QuasiNewtonOptions::norm)
      .def_readwrite("step_tolerance", &QuasiNewtonOptions::step_tolerance)
      .def_property(
          "c1", [](const QuasiNewtonOptions& o) { return o.wolfe.c1; },
          [](QuasiNewtonOptions& o, double c1) { o.wolfe.c1 = c1; })
      .def_property(
          "c2", [](const QuasiNewtonOptions& o) { return o.wolfe.c2; },
          [](QuasiNewtonOptions& o, double c2) { o.wolfe.c2 = c2; });

  py::class_<AdamOptions, DescentOptions>(m, "AdamOptions")
      .def(py::init<>())
      .def_readwrite("learning_rate", &AdamOptions::learning_rate)
      .def_readwrite("beta1", &AdamOptions::beta1)
      .def_readwrite("beta2", &AdamOptions::beta2)
      .def_readwrite("epsilon", &AdamOptions::epsilon)
      .def_readwrite("record_every", &AdamOptions::record_every);

  py::class_<AdamState>(m, "AdamState")
      .def(py::init<>())
      .def_readwrite("steps", &AdamState::steps)
      .def_readwrite("x", &AdamState::x)
      .def_readwrite("m", &AdamState::m)
      .def_readwrite("v", &AdamState::v)
      .def_readwrite("best_x", &AdamState::best_x)
      .def_readwrite("best_value", &AdamState::best_value);

  py::class_<LogarithmicGrid>(m, "LogarithmicGrid")
      .def_readwrite("low", &LogarithmicGrid::low)
      .def_readwrite("high", &LogarithmicGrid::high)
      .def_readwrite("n_points", &LogarithmicGrid::n_points)
      .def_readwrite("n_rounds", &LogarithmicGrid::n_rounds);

  py::class_<LowCurvatureOptions, DescentOptions>(m, "LowCurvatureOptions")
      .def(py::init<>())
      .def_readwrite("tau", &LowCurvatureOptions::tau)
      .def_readwrite("grid", &LowCurvatureOptions::grid);

  py::class_<NewtonOptions, DescentOptions>(m, "NewtonOptions")
      .def(py::init<>())
      .def_readwrite("gradient_tolerance", &NewtonOptions::gradient_tolerance)
      .def_readwrite("initial_radius", &NewtonOptions::initial_radius);
}

}  // namespace

void bind_descent(py::module_& m) {
  bind_options(m);
  m.def("bfgs", &bfgs<InverseHessian, double>, py::arg("objective"), py::arg("x0"),
        py::arg("options"), py::arg("inverse_hessian"), py::arg("least_scale"), py::arg("observe"));
  m.def("ssbfgs", &bfgs<FactoredInverseHessian>, py::arg("objective"), py::arg("x0"),
        py::arg("options"), py::arg("inverse_hessian"), py::arg("observe"));
  m.def("ssbroyden", &bfgs<BroydenInverseHessian>, py::arg("objective"), py::arg("x0"),
        py::arg("options"), py::arg("inverse_hessian"), py::arg("observe"));
  m.def("lbfgs", &lbfgs, py::arg("objective"), py::arg("x0"), py::arg("options"), py::arg("memory"),
        py::arg("observe"));
  m.def("adam", &adam, py::arg("objective"), py::arg("x0"), py::arg("state"), py::arg("options"),
        py::arg("batch_size"), py::arg("observe"));
  m.def("low_curvature", &low_curvature, py::arg("objective"), py::arg("x0"), py::arg("options"),
        py::arg("observe"));
  m.def("newton", &newton, py::arg("objective"), py::arg("x0"), py::arg("options"),
        py::arg("observe"));
}

}  // namespace precisekit::bindings
