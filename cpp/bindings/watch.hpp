// How a run of a solver calls Python.
#pragma once

#include <chrono>
#include <optional>

#include "arrays.hpp"

namespace precisekit::bindings {

// A run goes without the GIL; it is taken for each call of Python, and, a few times a second, to let
// Python see a Ctrl-C. An exception ends the run; Ctrl-C only names its reason.
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

  // With the GIL, after the run: the exception that ended it, or None.
  py::object exception() const {
    if (!failure_) return py::none();
    const py::object& trace = failure_->trace();
    if (trace) PyException_SetTraceback(failure_->value().ptr(), trace.ptr());
    return failure_->value();
  }

  // With the GIL, after the run.
  const char* reason(const char* reason) const {
    return keyboard_interrupt_ ? "keyboard_interrupt" : reason;
  }
  const char* reason_or_raise(const char* reason) const {
    if (failure_) throw *failure_;
    return this->reason(reason);
  }

 private:
  void keep(const py::error_already_set& error) {
    keyboard_interrupt_ = error.matches(PyExc_KeyboardInterrupt);
    if (!keyboard_interrupt_) failure_ = error;
  }

  bool keyboard_interrupt_ = false;
  std::optional<py::error_already_set> failure_;
  std::chrono::steady_clock::time_point last_poll_ = std::chrono::steady_clock::now();
};

}  // namespace precisekit::bindings
