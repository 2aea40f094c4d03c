"""A Fortran 2008 module."""

from __future__ import annotations

import textwrap
from string import Template

import numpy as np

from ._description import Description, Network, Spline
from ._head import example, head, is_short, rows
from ._names import FORTRAN_PRIVATE
from ._network import Statements

_IN_A_ROW = 4
_STATEMENT = 800  # numbers: a statement may go on for 255 lines
_WRAPPED = {
    "width": 96,
    "subsequent_indent": "  ",
    "break_long_words": False,
    "break_on_hyphens": False,
}

_FILE = Template("""\
$head
module $name
  use, intrinsic :: iso_fortran_env, only: wp => real64
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite, ieee_quiet_nan, ieee_value
  implicit none
  private
  public :: ${name}_n_inputs, ${name}_n_outputs
  public :: ${name}_value, ${name}_value_and_gradient

  integer, parameter :: ${name}_n_inputs = $d
  integer, parameter :: ${name}_n_outputs = $m
  integer :: ${p}i

$tables
contains

$interface
$body
end module $name
""")

_ONE_OUTPUT = Template("""\
  pure function ${name}_value(x) result(y)
    real(wp), intent(in) :: x($d)
    real(wp) :: y
    real(wp) :: values(1), dydx(1, $d)

    call ${p}evaluate(x, .false., values, dydx)
    y = values(1)
  end function ${name}_value

  ! dydx(k) is dy/dx(k).
  pure subroutine ${name}_value_and_gradient(x, y, dydx)
    real(wp), intent(in) :: x($d)
    real(wp), intent(out) :: y, dydx($d)
    real(wp) :: values(1), gradient(1, $d)

    call ${p}evaluate(x, .true., values, gradient)
    y = values(1)
    dydx = gradient(1, :)
  end subroutine ${name}_value_and_gradient
""")

_SEVERAL_OUTPUTS = Template("""\
  pure function ${name}_value(x) result(y)
    real(wp), intent(in) :: x($d)
    real(wp) :: y($m)
    real(wp) :: dydx($m, $d)

    call ${p}evaluate(x, .false., y, dydx)
  end function ${name}_value

  ! dydx(i, k) is dy(i)/dx(k).
  pure subroutine ${name}_value_and_gradient(x, y, dydx)
    real(wp), intent(in) :: x($d)
    real(wp), intent(out) :: y($m), dydx($m, $d)

    call ${p}evaluate(x, .true., y, dydx)
  end subroutine ${name}_value_and_gradient
""")

# -- networks --------------------------------------------------------------------------------------

_ROUTINES = {
    "affine": """\
  ! z = W a + b
  pure subroutine ${p}affine(n_out, n_in, W, b, a, z)
    integer, intent(in) :: n_out, n_in
    real(wp), intent(in) :: W(n_out, n_in), b(n_out), a(n_in)
    real(wp), intent(out) :: z(n_out)
    integer :: k

    z = b
    do k = 1, n_in
      z = z + W(:, k) * a(k)
    end do
  end subroutine ${p}affine
""",
    "sums": """\
  ! z = W a + b for an output, whose terms are larger than their sum: what each addition loses is
  ! summed as well (Ogita, Rump and Oishi, 2005).
  pure subroutine ${p}sums(n_out, n_in, W, b, a, z)
    integer, intent(in) :: n_out, n_in
    real(wp), intent(in) :: W(n_out, n_in), b(n_out), a(n_in)
    real(wp), intent(out) :: z(n_out)
    real(wp) :: total, before, added, lost, term
    integer :: j, k

    do j = 1, n_out
      total = b(j)
      lost = 0.0_wp
      do k = 1, n_in
        term = W(j, k) * a(k)
        before = total
        total = before + term
        added = total - before
        lost = lost + ((before - (total - added)) + (term - added))
      end do
      z(j) = total
      if (ieee_is_finite(lost)) z(j) = total + lost
    end do
  end subroutine ${p}sums
""",
    "pull_back": """\
  ! r = r + transpose(W) e
  pure subroutine ${p}pull_back(n_out, n_in, W, e, r)
    integer, intent(in) :: n_out, n_in
    real(wp), intent(in) :: W(n_out, n_in), e(n_out)
    real(wp), intent(inout) :: r(n_in)
    integer :: k

    do k = 1, n_in
      r(k) = r(k) + dot_product(W(:, k), e)
    end do
  end subroutine ${p}pull_back
""",
    "fill": """\
  pure subroutine ${p}fill(n, value, e)
    integer, intent(in) :: n
    real(wp), intent(in) :: value
    real(wp), intent(out) :: e(n)

    e = value
  end subroutine ${p}fill
""",
    "times": """\
  pure subroutine ${p}times(n, s, e)
    integer, intent(in) :: n
    real(wp), intent(in) :: s(n)
    real(wp), intent(inout) :: e(n)

    e = e * s
  end subroutine ${p}times
""",
    "apply_tanh": """\
  ! Of the units' sums a their activations, and the slopes s, zero where they are not asked for.
  pure subroutine ${p}apply_tanh(n, a, s, slopes)
    integer, intent(in) :: n
    real(wp), intent(inout) :: a(n)
    real(wp), intent(out) :: s(n)
    logical, intent(in) :: slopes

    a = tanh(a)
    s = 0.0_wp
    if (slopes) s = 1.0_wp - a * a
  end subroutine ${p}apply_tanh
""",
    "apply_sin": """\
  pure subroutine ${p}apply_sin(n, a, s, slopes)
    integer, intent(in) :: n
    real(wp), intent(inout) :: a(n)
    real(wp), intent(out) :: s(n)
    logical, intent(in) :: slopes

    s = 0.0_wp
    if (slopes) s = cos(a)
    a = sin(a)
  end subroutine ${p}apply_sin
""",
    "apply_sigmoid": """\
  ! 1 / (1 + exp(-z)), from an exponential that does not overflow.
  pure subroutine ${p}apply_sigmoid(n, a, s, slopes)
    integer, intent(in) :: n
    real(wp), intent(inout) :: a(n)
    real(wp), intent(out) :: s(n)
    logical, intent(in) :: slopes
    real(wp) :: e, larger, smaller
    integer :: j

    s = 0.0_wp
    do j = 1, n
      e = exp(-abs(a(j)))
      larger = 1.0_wp / (1.0_wp + e)
      smaller = e * larger
      if (slopes) s(j) = larger * smaller
      a(j) = merge(larger, smaller, a(j) >= 0.0_wp)
    end do
  end subroutine ${p}apply_sigmoid
""",
    "apply_gelu": """\
  ! z times the normal distribution function of z.
  pure subroutine ${p}apply_gelu(n, a, s, slopes)
    integer, intent(in) :: n
    real(wp), intent(inout) :: a(n)
    real(wp), intent(out) :: s(n)
    logical, intent(in) :: slopes
    real(wp) :: z, below
    integer :: j

    s = 0.0_wp
    do j = 1, n
      z = a(j)
      below = 0.5_wp * erfc(-0.70710678118654752_wp * z)
      if (slopes) s(j) = below + z * (0.39894228040143268_wp * exp(-0.5_wp * z * z))
      a(j) = z * below
    end do
  end subroutine ${p}apply_gelu
""",
    "apply_relu": """\
  pure subroutine ${p}apply_relu(n, a, s, slopes)
    integer, intent(in) :: n
    real(wp), intent(inout) :: a(n)
    real(wp), intent(out) :: s(n)
    logical, intent(in) :: slopes

    s = 0.0_wp
    if (slopes) s = merge(1.0_wp, 0.0_wp, a > 0.0_wp)
    a = merge(0.0_wp, a, a <= 0.0_wp)
  end subroutine ${p}apply_relu
""",
}

_NETWORK = Template("""\
  pure subroutine ${p}evaluate(x, slopes, y, dydx)
    real(wp), intent(in) :: x($d)
    logical, intent(in) :: slopes
    real(wp), intent(out) :: y($m), dydx($m, $d)
$declarations
    integer :: o

    y = ieee_value(1.0_wp, ieee_quiet_nan)
    dydx = y(1)
    if (.not. all(ieee_is_finite(x))) return

$features

$forward
    y = ${p}scale * a$last$times_factor
    if (.not. slopes) return

    do o = 1, $m
      e$last = 0.0_wp
      e$last(o) = 1.0_wp
$backward
      dydx(o, :) = ${p}scale(o) * g
    end do
  end subroutine ${p}evaluate
""")

# -- splines ---------------------------------------------------------------------------------------

_SPLINE = Template("""\
  pure subroutine ${p}evaluate(x, slopes, y, dydx)
    real(wp), intent(in) :: x($d)
    logical, intent(in) :: slopes
    real(wp), intent(out) :: y($m), dydx($m, $d)
    real(wp) :: B(0:$degree, $d), dB(0:$degree, $d), others($d)
    real(wp) :: xk, total, slope, difference
    integer :: at($d), start, middle, c, i, j, k, o, outer, piece

    y = ieee_value(1.0_wp, ieee_quiet_nan)
    dydx = y(1)
    if (.not. all(ieee_is_finite(x))) return
$outside
    start = 1
    middle = 0
    do k = 1, $d
      xk = ${p}wrapped(k, x(k))
      piece = ${p}find_piece(${p}knots, ${p}first(k), ${p}last(k), xk)
      call ${p}basis(${p}knots, piece, ${p}degree(k), xk, B(:, k), dB(:, k))
      start = start + (piece - ${p}offset(k) - ${p}degree(k)) * ${p}stride(k)
      middle = middle + (maxloc(B(:, k), 1) - 1) * ${p}stride(k)
    end do
    y = 0.0_wp
    dydx = 0.0_wp

    ! All products of B-splines sum to 1, so that a constant may be left out until the end: sums of
    ! what is small round less. The constant is the coefficient of the largest of them.
    middle = middle + start - 1

    ! The sums along the last axis, for each product of B-splines along the outer ones.
    at = 0
    outer = $outer
    do
      c = start + dot_product(at, ${p}stride)
      ! others(k): the product along the axes before the last, with the derivative along axis k
      others = 1.0_wp
      do i = 1, outer
        do k = 1, $d
          others(k) = others(k) * merge(dB(at(i), i), B(at(i), i), i == k)
        end do
      end do
      do o = 1, $m
        total = 0.0_wp
        slope = 0.0_wp
        do j = 0, ${p}degree($d)
          difference = ${p}coefficients(c + j * $m + o - 1) - ${p}coefficients(middle + o)
          total = total + difference * B(j, $d)
          slope = slope + difference * dB(j, $d)
        end do
        y(o) = y(o) + others($d) * total
        if (slopes) dydx(o, :) = dydx(o, :) + others * merge(slope, total, ${p}is_last)
      end do
      do k = outer, 1, -1
        if (at(k) < ${p}degree(k)) exit
        at(k) = 0
      end do
      if (k < 1) exit
      at(k) = at(k) + 1
    end do
    y = y + ${p}coefficients(middle + 1:middle + $m)
  end subroutine ${p}evaluate

  ! The knot, of those from first to last, that begins the piece in which x lies; that of the
  ! outermost piece outside.
  pure function ${p}find_piece(t, first, last, x) result(low)
    real(wp), intent(in) :: t(:), x
    integer, intent(in) :: first, last
    integer :: low, middle, high

    low = first
    high = last + 1
    do while (high - low > 1)
      middle = low + (high - low) / 2
      if (x < t(middle)) then
        high = middle
      else
        low = middle
      end if
    end do
  end function ${p}find_piece

  ! The B-splines that are not zero between t(at) and t(at + 1), at x, and their derivatives: the
  ! recursion of Cox and de Boor (de Boor, A Practical Guide to Splines, chapter X).
  pure subroutine ${p}basis(t, at, degree, x, B, dB)
    real(wp), intent(in) :: t(:), x
    integer, intent(in) :: at, degree
    real(wp), intent(out) :: B(0:), dB(0:)
    real(wp) :: low, high, share, carry, before
    integer :: j, p

    B = 0.0_wp
    dB = 0.0_wp
    B(0) = 1.0_wp
    do p = 1, degree
      carry = 0.0_wp
      before = 0.0_wp
      do j = 0, p - 1
        low = t(at + 1 + j - p)
        high = t(at + 1 + j)
        share = B(j) / (high - low)
        B(j) = carry + (high - x) * share
        dB(j) = p * (before - share)
        carry = (x - low) * share
        before = share
      end do
      B(p) = carry
      dB(p) = p * before
    end do
  end subroutine ${p}basis

  ! Where x lies on axis k, if that repeats.
  pure function ${p}wrapped(k, x) result(inside)
    integer, intent(in) :: k
    real(wp), intent(in) :: x
    real(wp) :: inside, period

    inside = x
    if (.not. ${p}periodic(k) .or. (x >= ${p}low(k) .and. x < ${p}high(k))) return
    period = ${p}high(k) - ${p}low(k)
    inside = mod(x - ${p}low(k), period)
    if (inside < 0.0_wp) inside = inside + period
    inside = ${p}low(k) + inside
  end function ${p}wrapped
""")

_OUTSIDE = Template("""\
    if (any(.not. ${p}periodic .and. (x < ${p}low .or. x > ${p}high))) then
      y = $fill
      dydx = $fill
      return
    end if
""")
_NOT_OUTSIDE = Template("""\
    if (any(.not. ${p}periodic .and. (x < ${p}low .or. x > ${p}high))) return
""")


def source(about: Description, name: str) -> str:
    """The module's text."""
    return _Writer(name).file(about)


class _Writer:
    """Writes a module, in Fortran's syntax (`_network.Syntax`)."""

    def __init__(self, name: str):
        self.name = name
        self.p = FORTRAN_PRIVATE

    def file(self, about: Description) -> str:
        d, m = about.body.n_inputs, about.body.n_outputs
        write = self.network if isinstance(about.body, Network) else self.spline
        tables, body = write(about.body)
        interface = _ONE_OUTPUT if m == 1 else _SEVERAL_OUTPUTS
        lines = head(about, lambda i: f"x({i + 1})", self.usage(about))
        return _FILE.substitute(
            name=self.name,
            p=self.p,
            d=d,
            m=m,
            head="\n".join(f"! {line}".rstrip() for line in lines),
            tables="\n".join(tables),
            interface=interface.substitute(name=self.name, p=self.p, d=d, m=m),
            body=body,
        )

    def usage(self, about: Description) -> list[str]:
        d, m = about.body.n_inputs, about.body.n_outputs
        point = ", ".join(f"{v!r}_real64" for v in example(about))
        y, dydx, which = "y", f"dydx({d})", "dydx(k) is dy/dx(k)"
        if m > 1:
            y, dydx, which = f"y({m})", f"dydx({m}, {d})", "dydx(i, k) is dy(i)/dx(k)"
        return [
            "use, intrinsic :: iso_fortran_env, only: real64",
            f"use {self.name}, only: {self.name}_value, {self.name}_value_and_gradient",
            f"real(real64) :: x({d}), {y}, {dydx}",
            f"x = [{point}]",
            f"y = {self.name}_value(x)",
            f"call {self.name}_value_and_gradient(x, y, dydx)  ! {which}",
        ]

    def network(self, network: Network) -> tuple[list[str], str]:
        statements = Statements(network, self)
        tables = [self.array(name, values) for name, values in statements.tables.items()]
        tables.append(self.array("scale", network.scale))
        routines = [
            Template(text).substitute(p=self.p)
            for routine, text in _ROUTINES.items()
            if routine in statements.routines
        ]
        evaluate = _NETWORK.substitute(
            p=self.p,
            d=network.n_inputs,
            m=network.n_outputs,
            last=statements.last,
            times_factor=statements.times_factor,
            declarations=_lines([f"real(wp) :: {', '.join(statements.declarations)}"], 4),
            features=_lines(statements.features, 4),
            forward=_lines(statements.forward, 4),
            backward=_lines(statements.backward, 6),
        )
        return tables, "\n".join([evaluate, *routines])

    def spline(self, spline: Spline) -> tuple[list[str], str]:
        d, m = spline.n_inputs, spline.n_outputs
        axes = spline.axes
        offsets = np.cumsum([0, *(len(axis.knots) for axis in axes)])[:-1]
        tables = [
            self.array("knots", np.concatenate([axis.knots for axis in axes])),
            self.array("coefficients", spline.coefficients.ravel()),
            "  ! Along each axis: the degree; the pieces begin at knots(first) to knots(last); the",
            "  ! knots of the axes before; from a coefficient to the next; the domain.",
            self.constants("integer", "degree", [axis.degree for axis in axes]),
            self.constants("integer", "first", offsets + [axis.first + 1 for axis in axes]),
            self.constants("integer", "last", offsets + [axis.last + 1 for axis in axes]),
            self.constants("integer", "offset", offsets + 1),
            self.constants("integer", "stride", spline.strides),
            self.constants("real(wp)", "low", [self.number(axis.low) for axis in axes]),
            self.constants("real(wp)", "high", [self.number(axis.high) for axis in axes]),
            self.constants("logical", "periodic", [_logical(axis.periodic) for axis in axes]),
            self.constants("logical", "is_last", [_logical(k == d - 1) for k in range(d)]),
            "",
        ]
        return tables, _SPLINE.substitute(
            p=self.p,
            d=d,
            m=m,
            outer=d - 1,
            degree=max(axis.degree for axis in axes),
            outside="" if spline.extrapolates else self.outside(spline.fill),
        )

    def outside(self, fill: float) -> str:
        if np.isnan(fill):
            return _NOT_OUTSIDE.substitute(p=self.p)
        return _OUTSIDE.substitute(p=self.p, fill=self.number(fill))

    def constants(self, kind: str, name: str, values) -> str:
        text = (
            f"{kind}, parameter :: {self.p}{name}({len(values)}) = [{', '.join(map(str, values))}]"
        )
        return _lines([text], 2)

    def array(self, name: str, values: np.ndarray) -> str:
        """A table of any size, of which there can be no constant in one statement."""
        table, n = self.table(name), len(values)
        text = [f"  real(wp) :: {table}({n})"]
        for start in range(0, n, _STATEMENT):
            part = values[start : start + _STATEMENT]
            those = f"{table}({self.p}i), {self.p}i = {start + 1}, {start + len(part)}"
            text.append(f"  data ({those}) / &")
            text += [f"    {row} &" for row in rows(part, self.literal, _IN_A_ROW)]
            text.append("    /")
        return "\n".join([*text, ""])

    @staticmethod
    def literal(value: float) -> str:
        return f"{value!r}_wp" if is_short(value) else f"{value:.16e}_wp"

    # -- syntax

    def number(self, value: float) -> str:
        text = self.literal(float(value))
        return f"({text})" if text.startswith("-") else text

    def at(self, array: str, i: int) -> str:
        return f"{array}({i + 1})"

    def at_output(self, array: str) -> str:
        return f"{array}(o)"

    def part(self, array: str, first: int) -> str:
        return f"{array}({first + 1}:)" if first else array

    def power(self, base: str, exponent: str) -> str:
        return f"{base}**{exponent}"

    def declare(self, name: str, size: int | None = None) -> str:
        return name if size is None else f"{name}({size})"

    def assign(self, target: str, expression: str) -> str:
        return f"{target} = {expression}"

    def require(self, condition: str) -> str:
        return f"if (.not. {condition}) return"

    def call(self, routine: str, *arguments) -> str:
        return f"call {self.p}{routine}({', '.join(map(str, arguments))})"

    def table(self, name: str) -> str:
        return f"{self.p}{name}"


def _logical(value: bool) -> str:
    return ".true." if value else ".false."


def _lines(statements: list[str], by: int) -> str:
    """Statements in lines that are not too long."""
    lines = []
    for statement in statements:
        parts = textwrap.wrap(statement, **_WRAPPED)
        lines += [*(f"{part} &" for part in parts[:-1]), parts[-1]]
    return "\n".join(" " * by + line for line in lines)
