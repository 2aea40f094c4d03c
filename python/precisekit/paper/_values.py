"""Published values beside ours."""

from __future__ import annotations

import math
from dataclasses import dataclass

# How far ours may be from a value that is published in digits, one read off a graph, and one that
# SciPy gives with the same settings.
FACTORS = {"read": 2.0, "graph": 3.0, "SciPy": 2.0}


@dataclass(frozen=True)
class Value:
    """A value of the paper, or a goal of our own, and what was reached.

    Attributes
    ----------
    name : str
    published : float
        Positive.
    kind : str
        "read": published in digits; "graph": read off a graph; "SciPy": not published, but what
        SciPy gives with the paper's settings; "goal": an upper bound of our own.
    ours : float
        NaN where the runs of this scale do not give it.
    """

    name: str
    published: float
    kind: str
    ours: float = math.nan

    @property
    def ratio(self) -> float:
        """Ours over the published one."""
        return self.ours / self.published

    @property
    def wanted(self) -> str:
        """What `ratio` must be, in words."""
        return "at most 1" if self.kind == "goal" else f"within {FACTORS[self.kind]:g}"

    @property
    def met(self) -> bool | None:
        """Whether it is; None without ours."""
        if math.isnan(self.ours):
            return None
        if self.kind == "goal":
            return self.ratio <= 1.0
        return 1.0 / FACTORS[self.kind] <= self.ratio <= FACTORS[self.kind]


HEADINGS = ("value", "published", "kind", "ours", "ratio", "wanted", "met")


def cells(value: Value) -> tuple[str, ...]:
    """The row of a value in a table under `HEADINGS`."""
    known = value.met is not None
    return (
        value.name,
        f"{value.published:.4g}",
        value.kind,
        f"{value.ours:.4g}" if known else "",
        f"{value.ratio:.3g}" if known else "",
        value.wanted,
        {True: "yes", False: "no", None: "not run at this scale"}[value.met],
    )


def summary(values: list[Value]) -> str:
    """How many of the values that were run are met."""
    run = [value.met for value in values if value.met is not None]
    return f"{sum(run)} of {len(run)} values met, {len(values) - len(run)} not run at this scale"


def markdown(values: list[Value]) -> str:
    """A table of the values."""
    rule = ("---", "--:", "---", "--:", "--:", "---", "---")
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEADINGS, rule, *map(cells, values)))
