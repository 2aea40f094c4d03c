"""Exported models, compiled and called from Python: for the tests, and for `bench.export`."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from string import Template

import numpy as np

SUFFIX = {"c": ".h", "c++": ".hpp", "fortran": ".f90"}
DRIVER_SUFFIX = {"c": ".c", "c++": ".cpp", "fortran": "_driver.f90"}
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
COMPILERS = {
    "c": [os.environ.get("CC", "gcc"), "-std=c99", *WARNINGS, "-Wshadow", "-Wconversion"],
    "c++": [os.environ.get("CXX", "g++"), "-std=c++17", *WARNINGS, "-Wshadow", "-Wconversion"],
    "fortran": [os.environ.get("FC", "gfortran"), "-std=f2008", *WARNINGS],
}

# Functions values_NAME(n, X, Y) and gradients_NAME(n, X, Y, G), for one output and for several.
_DRIVERS = {
    ("c", 1): """
#include "$name.h"
void values_$name(int n, const double *X, double *Y);
void gradients_$name(int n, const double *X, double *Y, double *G);
void values_$name(int n, const double *X, double *Y)
{
  for (int i = 0; i < n; ++i) Y[i] = ${name}_value(X + i * $d);
}
void gradients_$name(int n, const double *X, double *Y, double *G)
{
  for (int i = 0; i < n; ++i) Y[i] = ${name}_value_and_gradient(X + i * $d, G + i * $d);
}
""",
    ("c", 2): """
#include "$name.h"
void values_$name(int n, const double *X, double *Y);
void gradients_$name(int n, const double *X, double *Y, double *G);
void values_$name(int n, const double *X, double *Y)
{
  for (int i = 0; i < n; ++i, X += $d, Y += $m) ${name}_value(X, Y);
}
void gradients_$name(int n, const double *X, double *Y, double *G)
{
  for (int i = 0; i < n; ++i, X += $d, Y += $m, G += $m * $d) ${name}_value_and_gradient(X, Y, G);
}
""",
    ("c++", 1): """
#include <algorithm>
#include "$name.hpp"
extern "C" void values_$name(int n, const double *X, double *Y) {
  $name::Input x;
  for (int i = 0; i < n; ++i, X += $d) {
    std::copy_n(X, $d, x.begin());
    *Y++ = $name::value(x);
  }
}
extern "C" void gradients_$name(int n, const double *X, double *Y, double *G) {
  $name::Input x;
  for (int i = 0; i < n; ++i, X += $d) {
    std::copy_n(X, $d, x.begin());
    const auto [y, dydx] = $name::value_and_gradient(x);
    *Y++ = y;
    G = std::copy(dydx.begin(), dydx.end(), G);
  }
}
""",
    ("c++", 2): """
#include <algorithm>
#include "$name.hpp"
extern "C" void values_$name(int n, const double *X, double *Y) {
  $name::Input x;
  for (int i = 0; i < n; ++i, X += $d) {
    std::copy_n(X, $d, x.begin());
    const auto y = $name::value(x);
    Y = std::copy(y.begin(), y.end(), Y);
  }
}
extern "C" void gradients_$name(int n, const double *X, double *Y, double *G) {
  $name::Input x;
  for (int i = 0; i < n; ++i, X += $d) {
    std::copy_n(X, $d, x.begin());
    const auto [y, dydx] = $name::value_and_gradient(x);
    Y = std::copy(y.begin(), y.end(), Y);
    for (const auto &row : dydx) G = std::copy(row.begin(), row.end(), G);
  }
}
""",
    ("fortran", 1): """
subroutine values_$name(n, X, Y) bind(c)
  use, intrinsic :: iso_c_binding, only: c_int, c_double
  use $name, only: ${name}_value
  implicit none
  integer(c_int), value :: n
  real(c_double), intent(in) :: X($d, n)
  real(c_double), intent(out) :: Y(n)
  integer :: i
  do i = 1, n
    Y(i) = ${name}_value(X(:, i))
  end do
end subroutine values_$name

subroutine gradients_$name(n, X, Y, G) bind(c)
  use, intrinsic :: iso_c_binding, only: c_int, c_double
  use $name, only: ${name}_value_and_gradient
  implicit none
  integer(c_int), value :: n
  real(c_double), intent(in) :: X($d, n)
  real(c_double), intent(out) :: Y(n), G($d, n)
  integer :: i
  do i = 1, n
    call ${name}_value_and_gradient(X(:, i), Y(i), G(:, i))
  end do
end subroutine gradients_$name
""",
    ("fortran", 2): """
subroutine values_$name(n, X, Y) bind(c)
  use, intrinsic :: iso_c_binding, only: c_int, c_double
  use $name, only: ${name}_value
  implicit none
  integer(c_int), value :: n
  real(c_double), intent(in) :: X($d, n)
  real(c_double), intent(out) :: Y($m, n)
  integer :: i
  do i = 1, n
    Y(:, i) = ${name}_value(X(:, i))
  end do
end subroutine values_$name

subroutine gradients_$name(n, X, Y, G) bind(c)
  use, intrinsic :: iso_c_binding, only: c_int, c_double
  use $name, only: ${name}_value_and_gradient
  implicit none
  integer(c_int), value :: n
  real(c_double), intent(in) :: X($d, n)
  real(c_double), intent(out) :: Y($m, n), G($d, $m, n)
  real(c_double) :: dydx($m, $d)
  integer :: i
  do i = 1, n
    call ${name}_value_and_gradient(X(:, i), Y(:, i), dydx)
    G(:, :, i) = transpose(dydx)
  end do
end subroutine gradients_$name
""",
}


def run(*command) -> str:
    """Standard output of a command that must succeed."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class Library:
    """Models by name, exported to a folder and compiled there together.

    ``shapes`` has for each the numbers of inputs and of outputs; () where predict gives one number.
    """

    def __init__(self, lang: str, models: dict, shapes: dict, folder: Path, flags=("-O1",)):
        sources, drivers = [], []
        for name, model in models.items():
            sources.append(folder / f"{name}{SUFFIX[lang]}")
            model.export(sources[-1], lang)
            d, outputs = shapes[name]
            m = int(np.prod(outputs))
            driver = Template(_DRIVERS[lang, min(m, 2)])
            drivers.append(driver.substitute(name=name, d=d, m=m))
        driver = folder / f"all{DRIVER_SUFFIX[lang]}"
        driver.write_text("".join(drivers))
        modules = [*sources, "-J", folder] if lang == "fortran" else []
        library = folder / "all.so"
        command = [*COMPILERS[lang], *flags, "-fPIC", "-shared", *modules, driver]
        run(*command, "-o", library, "-lm")
        self._library, self._shapes = ctypes.CDLL(str(library)), shapes

    def values(self, name: str, X) -> np.ndarray:
        """What ``value`` gives at each row of X."""
        Y = np.empty((len(X), *self._shapes[name][1]))
        self._call(f"values_{name}", X, Y)
        return Y

    def gradients(self, name: str, X) -> tuple[np.ndarray, np.ndarray]:
        """What ``value_and_gradient`` gives."""
        d, outputs = self._shapes[name]
        Y, G = np.empty((len(X), *outputs)), np.empty((len(X), *outputs, d))
        self._call(f"gradients_{name}", X, Y, G)
        return Y, G

    def _call(self, function: str, X, *results: np.ndarray) -> None:
        X = np.ascontiguousarray(X, dtype=np.float64)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (X, *results)]
        getattr(self._library, function)(len(X), *pointers)
