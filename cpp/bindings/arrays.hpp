// NumPy arrays in and out. Arguments arrive as float64 arrays of the right rank and layout
// (Python converts and checks values); here they become views.
#pragma once

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>

#include "precisekit/core/types.hpp"

namespace precisekit::bindings {

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;

// A NumPy array that owns a buffer of the given shape and strides (counted in doubles).
template <class Owner>
py::array_t<double> owning_array(std::unique_ptr<Owner> owner, double* data,
                                 std::vector<py::ssize_t> shape, std::vector<py::ssize_t> strides) {
  for (auto& stride : strides) stride *= py::ssize_t(sizeof(double));
  py::capsule keep(owner.get(), [](void* p) { delete static_cast<Owner*>(p); });
  owner.release();
  return py::array_t<double>(std::move(shape), std::move(strides), data, keep);
}

}  // namespace precisekit::bindings
