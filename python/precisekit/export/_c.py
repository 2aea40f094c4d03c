"""A C99 header, of use in C++17 too.

What C and C++ have in common is here as well: `_cpp` differs in the frame of the file only.
"""

from __future__ import annotations

import textwrap
from string import Template

import numpy as np

from ._description import Axis, Description, Network, Spline
from ._head import example, head, is_short, rows
from ._network import Statements

_IN_A_ROW = 4

_FILE = Template("""\
$head
#ifndef PRECISEKIT_${name}_H
#define PRECISEKIT_${name}_H

#include <math.h>
#include <stddef.h>

enum { ${p}n_inputs = $d, ${p}n_outputs = $m };

$body
$interface
#endif
""")

_ONE_OUTPUT = Template("""\
static inline double ${p}value(const double x[$d])
{
  double y;
  ${p}evaluate(x, &y, NULL);
  return y;
}

/* The value; dydx[k] is dy/dx[k]. */
static inline double ${p}value_and_gradient(const double x[$d], double dydx[$d])
{
  double y;
  ${p}evaluate(x, &y, dydx);
  return y;
}
""")

_SEVERAL_OUTPUTS = Template("""\
static inline void ${p}value(const double x[$d], double y[$m])
{
  ${p}evaluate(x, y, NULL);
}

/* The values; dydx[i * $d + k] is dy[i]/dx[k]. */
static inline void ${p}value_and_gradient(const double x[$d], double y[$m], double dydx[$size])
{
  ${p}evaluate(x, y, dydx);
}
""")

# -- networks --------------------------------------------------------------------------------------

# Weights stand unit by unit for each input in turn, so that the inner loops run along units.
_ROUTINES = {
    "affine": """\
/* z = W a + b */
$static void ${p}affine(
    int n_out, int n_in, const double *W, const double *b, const double *a, double *z)
{
  for (int j = 0; j < n_out; ++j) z[j] = b[j];
  for (int k = 0; k < n_in; ++k, W += n_out) {
    for (int j = 0; j < n_out; ++j) z[j] += W[j] * a[k];
  }
}
""",
    "sums": """\
/* z = W a + b for an output, whose terms are larger than their sum: what each addition loses is
   summed as well (Ogita, Rump and Oishi, 2005). */
$static void ${p}sums(
    int n_out, int n_in, const double *W, const double *b, const double *a, double *z)
{
  for (int j = 0; j < n_out; ++j) {
    double sum = b[j], lost = 0.0;
    for (int k = 0; k < n_in; ++k) {
      const double term = W[k * n_out + j] * a[k], before = sum;
      sum = before + term;
      const double added = sum - before;
      lost += (before - (sum - added)) + (term - added);
    }
    z[j] = isfinite(lost) ? sum + lost : sum;
  }
}
""",
    "pull_back": """\
/* r += W' e */
$static void ${p}pull_back(
    int n_out, int n_in, const double *W, const double *e, double *r)
{
  for (int k = 0; k < n_in; ++k, W += n_out) {
    double sum = 0.0;
    for (int j = 0; j < n_out; ++j) sum += W[j] * e[j];
    r[k] += sum;
  }
}
""",
    "fill": """\
$static void ${p}fill(int n, double value, double *e)
{
  for (int j = 0; j < n; ++j) e[j] = value;
}
""",
    "times": """\
$static void ${p}times(int n, const double *s, double *e)
{
  for (int j = 0; j < n; ++j) e[j] *= s[j];
}
""",
    "apply_tanh": """\
/* Of the units' sums a their activations, and the slopes s, zero where they are not asked for. */
$static void ${p}apply_tanh(int n, double *a, double *s, int slopes)
{
  for (int j = 0; j < n; ++j) a[j] = tanh(a[j]);
  for (int j = 0; j < n; ++j) s[j] = slopes ? 1.0 - a[j] * a[j] : 0.0;
}
""",
    "apply_sin": """\
$static void ${p}apply_sin(int n, double *a, double *s, int slopes)
{
  for (int j = 0; j < n; ++j) {
    s[j] = slopes ? cos(a[j]) : 0.0;
    a[j] = sin(a[j]);
  }
}
""",
    "apply_sigmoid": """\
/* 1 / (1 + exp(-z)), from an exponential that does not overflow. */
$static void ${p}apply_sigmoid(int n, double *a, double *s, int slopes)
{
  for (int j = 0; j < n; ++j) {
    const double e = exp(-fabs(a[j])), larger = 1.0 / (1.0 + e), smaller = e * larger;
    s[j] = slopes ? larger * smaller : 0.0;
    a[j] = a[j] >= 0.0 ? larger : smaller;
  }
}
""",
    "apply_gelu": """\
/* z times the normal distribution function of z. */
$static void ${p}apply_gelu(int n, double *a, double *s, int slopes)
{
  for (int j = 0; j < n; ++j) {
    const double z = a[j], below = 0.5 * erfc(-0.70710678118654752 * z);
    s[j] = slopes ? below + z * (0.39894228040143268 * exp(-0.5 * z * z)) : 0.0;
    a[j] = z * below;
  }
}
""",
    "apply_relu": """\
$static void ${p}apply_relu(int n, double *a, double *s, int slopes)
{
  for (int j = 0; j < n; ++j) {
    s[j] = slopes && a[j] > 0.0 ? 1.0 : 0.0;
    a[j] = a[j] <= 0.0 ? 0.0 : a[j];
  }
}
""",
}

_NETWORK = Template("""\
$static void ${p}evaluate(const double *x, double *y, double *dydx)
{
  const int slopes = dydx ? 1 : 0;
$declarations
  for (int o = 0; o < $m; ++o) y[o] = NAN;
  for (int i = 0; slopes && i < $size; ++i) dydx[i] = NAN;
  for (int k = 0; k < $d; ++k) {
    if (!isfinite(x[k])) return;
  }

$features

$forward
  for (int o = 0; o < $m; ++o) y[o] = ${p}scale[o] * a$last[o]$times_factor;
  if (!slopes) return;

  for (int o = 0; o < $m; ++o) {
    for (int i = 0; i < $m; ++i) e$last[i] = i == o ? 1.0 : 0.0;
$backward
    for (int k = 0; k < $d; ++k) dydx[o * $d + k] = ${p}scale[o] * g[k];
  }
}
""")

# -- splines ---------------------------------------------------------------------------------------

_SPLINE = Template("""\
typedef struct {
  const double *knots;
  int degree, first, last; /* the pieces begin at knots[first] to knots[last] */
  ptrdiff_t stride;        /* from a coefficient to the next along this axis */
  int periodic;
  double low, high;
} ${p}spline_axis;

${constant} ${p}spline_axis ${p}axes[$d] = {
$axes
};

/* The knot that begins the piece in which x lies; that of the outermost piece outside. */
$static int ${p}find_piece(const ${p}spline_axis *axis, double x)
{
  int low = axis->first, high = axis->last + 1;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (x < axis->knots[middle]) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return low;
}

/* The B-splines that are not zero between t[0] and t[1], at x, and their derivatives: the recursion
   of Cox and de Boor (de Boor, A Practical Guide to Splines, chapter X). */
$static void ${p}basis(const double *t, int degree, double x, double *B, double *dB)
{
  B[0] = 1.0;
  dB[0] = 0.0;
  for (int p = 1; p <= degree; ++p) {
    double carry = 0.0, before = 0.0;
    for (int j = 0; j < p; ++j) {
      const double low = t[1 + j - p], high = t[1 + j], share = B[j] / (high - low);
      B[j] = carry + (high - x) * share;
      dB[j] = p * (before - share);
      carry = (x - low) * share;
      before = share;
    }
    B[p] = carry;
    dB[p] = p * before;
  }
}

/* Where x lies on an axis that repeats. */
$static double ${p}wrapped(const ${p}spline_axis *axis, double x)
{
  const double period = axis->high - axis->low;
  if (!axis->periodic || (x >= axis->low && x < axis->high)) return x;
  const double rest = fmod(x - axis->low, period);
  return axis->low + (rest < 0.0 ? rest + period : rest);
}

$static void ${p}fill_all(double value, double *y, double *dydx)
{
  for (int o = 0; o < $m; ++o) y[o] = value;
  for (int i = 0; dydx && i < $size; ++i) dydx[i] = value;
}

$static void ${p}evaluate(const double *x, double *y, double *dydx)
{
  double B[$d][$order], dB[$d][$order];
  int at[$d] = {0}; /* which of the B-splines along each axis */
  const double *start = ${p}coefficients;
  ptrdiff_t to_middle = 0;
  for (int k = 0; k < $d; ++k) {
    if (isfinite(x[k])) continue;
    ${p}fill_all(NAN, y, dydx);
    return;
  }
  for (int k = 0; k < $d; ++k) {
    const ${p}spline_axis *axis = &${p}axes[k];
    const double xk = ${p}wrapped(axis, x[k]);
$outside    const int piece = ${p}find_piece(axis, xk);
    ${p}basis(axis->knots + piece, axis->degree, xk, B[k], dB[k]);
    start += (piece - axis->degree) * axis->stride;
    int largest = 0;
    for (int j = 1; j <= axis->degree; ++j) {
      if (B[k][j] > B[k][largest]) largest = j;
    }
    to_middle += largest * axis->stride;
  }
  ${p}fill_all(0.0, y, dydx);

  /* All products of B-splines sum to 1, so that a constant may be left out until the end: sums of
     what is small round less. The constant is the coefficient of the largest of them. */
  const double *const middle = start + to_middle;

  /* The sums along the last axis, for each product of B-splines along the others. */
  const ${p}spline_axis *const inner = &${p}axes[$last];
  for (;;) {
    const double *c = start;
    double product = 1.0;
    for (int k = 0; k < $last; ++k) {
      c += at[k] * ${p}axes[k].stride;
      product *= B[k][at[k]];
    }
    for (int o = 0; o < $m; ++o) {
      double sum = 0.0, slope = 0.0;
      for (int j = 0; j <= inner->degree; ++j) {
        const double difference = c[j * $m + o] - middle[o];
        sum += difference * B[$last][j];
        slope += difference * dB[$last][j];
      }
      y[o] += product * sum;
      if (!dydx) continue;
      dydx[o * $d + $last] += product * slope;
      for (int k = 0; k < $last; ++k) {
        double others = dB[k][at[k]];
        for (int i = 0; i < $last; ++i) others *= i == k ? 1.0 : B[i][at[i]];
        dydx[o * $d + k] += others * sum;
      }
    }
    int k = $last - 1;
    while (k >= 0 && at[k] == ${p}axes[k].degree) at[k--] = 0;
    if (k < 0) break;
    ++at[k];
  }
  for (int o = 0; o < $m; ++o) y[o] += middle[o];
}
""")

_OUTSIDE = Template("""\
    if (!axis->periodic && (xk < axis->low || xk > axis->high)) {
      ${p}fill_all($fill, y, dydx);
      return;
    }
""")


def source(about: Description, name: str) -> str:
    """The header's text."""
    return Writer(name).file(about)


class Writer:
    """Writes a header, in C's syntax (`_network.Syntax`)."""

    static = "static inline"
    constant = "static const"

    def __init__(self, name: str):
        self.name = name
        self.p = f"{name}_"  # what our names begin with

    def file(self, about: Description) -> str:
        d, m = about.body.n_inputs, about.body.n_outputs
        interface = _ONE_OUTPUT if m == 1 else _SEVERAL_OUTPUTS
        return _FILE.substitute(
            name=self.name,
            p=self.p,
            d=d,
            m=m,
            head=self.comment(head(about, lambda i: f"x[{i}]", self.usage(about))),
            body=self.body(about.body),
            interface=interface.substitute(p=self.p, d=d, m=m, size=m * d),
        )

    def usage(self, about: Description) -> list[str]:
        d, m = about.body.n_inputs, about.body.n_outputs
        point = ", ".join(map(repr, example(about)))
        if m == 1:
            return [
                f"double x[{d}] = {{{point}}}, dydx[{d}];",
                f"double y = {self.p}value(x);",
                f"y = {self.p}value_and_gradient(x, dydx); // dydx[k] is dy/dx[k]",
            ]
        return [
            f"double x[{d}] = {{{point}}}, y[{m}], dydx[{m * d}];",
            f"{self.p}value(x, y);",
            f"{self.p}value_and_gradient(x, y, dydx); // dydx[i * {d} + k] is dy[i]/dx[k]",
        ]

    @staticmethod
    def comment(lines: list[str]) -> str:
        return "/* " + "\n".join(lines).replace("\n", "\n   ").replace("\n   \n", "\n\n") + " */"

    def body(self, body: Network | Spline) -> str:
        return self.network(body) if isinstance(body, Network) else self.spline(body)

    def network(self, network: Network) -> str:
        statements = Statements(network, self)
        d, m = network.n_inputs, network.n_outputs
        tables = [self.array(name, values) for name, values in statements.tables.items()]
        tables.append(self.array("scale", network.scale))
        routines = [
            Template(text).substitute(static=self.static, p=self.p)
            for routine, text in _ROUTINES.items()
            if routine in statements.routines
        ]
        evaluate = _NETWORK.substitute(
            static=self.static,
            p=self.p,
            d=d,
            m=m,
            size=m * d,
            last=statements.last,
            times_factor=statements.times_factor,
            declarations=_declared(statements.declarations),
            features=_indented(statements.features, 2),
            forward=_indented(statements.forward, 2),
            backward=_indented(statements.backward, 4),
        )
        return "\n".join([*tables, *routines, evaluate])

    def spline(self, spline: Spline) -> str:
        d, m = spline.n_inputs, spline.n_outputs
        tables = [self.array(f"knots_{k}", axis.knots) for k, axis in enumerate(spline.axes, 1)]
        tables.append(self.array("coefficients", spline.coefficients.ravel()))
        evaluate = _SPLINE.substitute(
            static=self.static,
            constant=self.constant,
            p=self.p,
            d=d,
            m=m,
            size=m * d,
            last=d - 1,
            order=1 + max(axis.degree for axis in spline.axes),
            axes=",\n".join(
                self.axis(f"knots_{k}", axis, stride)
                for k, (axis, stride) in enumerate(zip(spline.axes, spline.strides), 1)
            ),
            outside="" if spline.extrapolates else self.outside(spline.fill),
        )
        return "\n".join([*tables, evaluate])

    def outside(self, fill: float) -> str:
        fill = "NAN" if np.isnan(fill) else self.number(fill)
        return _OUTSIDE.substitute(p=self.p, fill=fill)

    def axis(self, knots: str, axis: Axis, stride: int) -> str:
        ends = f"{self.number(axis.low)}, {self.number(axis.high)}"
        return (
            f"  {{{self.table(knots)}, {axis.degree}, {axis.first}, {axis.last}, {stride}, "
            f"{int(axis.periodic)}, {ends}}}"
        )

    def array(self, name: str, values: np.ndarray) -> str:
        lines = _indented(rows(values, float.hex, _IN_A_ROW), 2)
        return f"{self.constant} double {self.table(name)}[{len(values)}] = {{\n{lines}\n}};\n"

    # -- syntax

    def number(self, value: float) -> str:
        value = float(value)
        text = repr(value) if is_short(value) else value.hex()
        return f"({text})" if text.startswith("-") else text

    def at(self, array: str, i: int) -> str:
        return f"{array}[{i}]"

    def at_output(self, array: str) -> str:
        return f"{array}[o]"

    def part(self, array: str, first: int) -> str:
        return f"{array} + {first}" if first else array

    def power(self, base: str, exponent: str) -> str:
        return f"pow({base}, {exponent.strip('()')})"

    def declare(self, name: str, size: int | None = None) -> str:
        return name if size is None else f"{name}[{size}]"

    def assign(self, target: str, expression: str) -> str:
        return f"{target} = {expression};"

    def require(self, condition: str) -> str:
        return f"if (!({condition})) return;"

    def call(self, routine: str, *arguments) -> str:
        return f"{self.p}{routine}({', '.join(map(str, arguments))});"

    def table(self, name: str) -> str:
        return f"{self.p}{name}"


def _declared(names: list[str]) -> str:
    lines = textwrap.wrap(f"double {', '.join(names)};", 96, break_long_words=False)
    return "  " + "\n      ".join(lines)


def _indented(lines, by: int) -> str:
    return "\n".join(" " * by + line for line in lines)
