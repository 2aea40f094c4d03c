"""What the comment at the top of a file says, and how tables of numbers are laid out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

import numpy as np

from ._description import Description, Network

_WIDTH = 92
_FLOATING_POINT = (
    "Compile it without options such as -ffast-math and -Ofast, and with -fp-model=precise where "
    "the compiler is Intel's: sums that are rearranged lose the last digits."
)
# What would end a comment, or open another, or go on with it in the next line.
_HARMLESS = {"\\": "/", "??/": "? ? /", "*/": "* /", "/*": "/ *"}


def head(about: Description, at, usage: list[str]) -> list[str]:
    """The lines of the comment; ``at(i)`` is the i-th input, and `usage` code that calls it."""
    from .. import __version__

    lines = [f"{about.target} of {', '.join(about.inputs)}: {about.kind}."]
    lines += [f"Made by precisekit {__version__}.", ""]
    if about.structure:
        lines += [f"Structure: {about.structure}", ""]
        lines += [f"  {at(i)} is {name}" for i, name in enumerate(about.inputs)]
        lines += ["", "The samples of the fit had"]
        lines += [f"  {name} {_range(lo, hi)}" for name, lo, hi in about.ranges]
    else:
        lines += ["Inputs, with the box of the samples of the fit:"]
        lines += [
            f"  {at(i)} is {name}, {_range(lo, hi)}"
            for i, (name, lo, hi) in enumerate(about.ranges)
        ]
    lines += [""]
    if about.relative_rmse is not None:
        lines += [f"Relative RMSE of the fit: {about.relative_rmse:.2e}" + _held_out(about), ""]
    lines += [*(f"  {line}" for line in usage), ""]
    lines += textwrap.wrap(_outside(about), _WIDTH)
    lines += textwrap.wrap(_FLOATING_POINT, _WIDTH)
    return [_harmless(line) for line in lines]


def example(about: Description) -> list[float]:
    """A point to call it at: about the middle of the box, where that is known."""
    if about.structure:
        return [1.0] * len(about.inputs)
    return [_amid(lo, hi) for _, lo, hi in about.ranges]


def rows(numbers: np.ndarray, literal, in_a_row: int) -> Iterator[str]:
    """Literals, so many in a line, all but the last followed by a comma."""
    for start in range(0, len(numbers), in_a_row):
        row = ", ".join(map(literal, numbers[start : start + in_a_row].tolist()))
        yield row if start + in_a_row >= len(numbers) else f"{row},"


def is_short(value: float) -> bool:
    """Whether a few decimal digits are the number itself, in any compiler."""
    return abs(value) < 1e6 and (8.0 * value).is_integer() and not _is_negative_zero(value)


def _amid(lo: float, hi: float) -> float:
    """A number of few digits about half way from one to the other."""
    middle = 0.5 * lo + 0.5 * hi
    rounded = (float(f"{middle:.{digits}g}") for digits in range(3, 18))
    return next((x for x in rounded if lo <= x <= hi), middle)


def _is_negative_zero(value: float) -> bool:
    return value == 0 and math.copysign(1.0, value) < 0


def _range(lo: float, hi: float) -> str:
    return f"from {lo:.6g} to {hi:.6g}"


def _held_out(about: Description) -> str:
    if about.held_out_rmse is None:
        return ""
    return f"; at samples held out: {about.held_out_rmse:.2e}"


def _outside(about: Description) -> str:
    bad = "an input that is not finite"
    body = about.body
    if isinstance(body, Network):
        logarithms = any(feature.logarithm for feature in body.features)
        if logarithms or any(relation.kind == "scaling" for relation in body.relations):
            bad += ", or not positive where its logarithm or a power of it is taken"
        return f"NaN is the answer to {bad}."
    if body.extrapolates or all(axis.periodic for axis in body.axes):
        return f"NaN is the answer to {bad}."
    if math.isnan(body.fill):
        return f"NaN is the answer to {bad}, or outside of the box."
    return f"NaN is the answer to {bad}; outside of the box it is {body.fill!r}."


def _harmless(line: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in line)
    for text, harmless in _HARMLESS.items():
        line = line.replace(text, harmless)
    return line.rstrip()
