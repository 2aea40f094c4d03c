"""A C++17 header: the code of `_c`, in a namespace."""

from __future__ import annotations

from string import Template

from ._c import Writer
from ._description import Description
from ._head import example, head

_FILE = Template("""\
$head
#ifndef PRECISEKIT_${name}_HPP
#define PRECISEKIT_${name}_HPP

#include <array>
#include <cmath>
#include <cstddef>

namespace $name {
namespace detail {

using std::cos, std::erfc, std::exp, std::fabs, std::fmod, std::isfinite, std::log, std::pow;
using std::ptrdiff_t, std::sin, std::tanh;

$body
}  // namespace detail

inline constexpr std::size_t n_inputs = $d, n_outputs = $m;

using Input = std::array<double, n_inputs>;
$interface
}  // namespace $name

#endif
""")

_ONE_OUTPUT = """\
using Output = double;
using Gradient = std::array<double, n_inputs>;

struct ValueAndGradient {
  Output y;
  Gradient dydx;  // dydx[k] is dy/dx[k]
};

inline Output value(const Input &x) {
  Output y;
  detail::evaluate(x.data(), &y, nullptr);
  return y;
}

inline ValueAndGradient value_and_gradient(const Input &x) {
  ValueAndGradient result;
  detail::evaluate(x.data(), &result.y, result.dydx.data());
  return result;
}
"""

_SEVERAL_OUTPUTS = """\
using Output = std::array<double, n_outputs>;
using Gradient = std::array<std::array<double, n_inputs>, n_outputs>;

struct ValueAndGradient {
  Output y;
  Gradient dydx;  // dydx[i][k] is dy[i]/dx[k]
};

inline Output value(const Input &x) {
  Output y;
  detail::evaluate(x.data(), y.data(), nullptr);
  return y;
}

inline ValueAndGradient value_and_gradient(const Input &x) {
  ValueAndGradient result;
  std::array<double, n_outputs * n_inputs> dydx;
  detail::evaluate(x.data(), result.y.data(), dydx.data());
  for (std::size_t i = 0; i < n_outputs; ++i) {
    for (std::size_t k = 0; k < n_inputs; ++k) result.dydx[i][k] = dydx[i * n_inputs + k];
  }
  return result;
}
"""


def source(about: Description, name: str) -> str:
    """The header's text."""
    return _CppWriter(name).file(about)


class _CppWriter(Writer):
    static = "inline"
    constant = "inline constexpr"

    def __init__(self, name: str):
        self.name = name
        self.p = ""

    def file(self, about: Description) -> str:
        m = about.body.n_outputs
        return _FILE.substitute(
            name=self.name,
            d=about.body.n_inputs,
            m=m,
            head=self.comment(head(about, lambda i: f"x[{i}]", self.usage(about))),
            body=self.body(about.body),
            interface=_ONE_OUTPUT if m == 1 else _SEVERAL_OUTPUTS,
        )

    def usage(self, about: Description) -> list[str]:
        point = ", ".join(map(repr, example(about)))
        element = "[k] is dy" if about.body.n_outputs == 1 else "[i][k] is dy[i]"
        return [
            f"{self.name}::Input x = {{{point}}};",
            f"auto y = {self.name}::value(x);",
            f"auto [z, dydx] = {self.name}::value_and_gradient(x); // dydx{element}/dx[k]",
        ]
