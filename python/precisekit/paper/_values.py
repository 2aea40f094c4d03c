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
        NaN where the runs that are done do not give it.
    is_error : bool
        Whether less is better, so that less than the published one fails nothing.
    pending : bool
        Whether there are runs of this scale that are not done yet.
    """

    name: str
    published: float
    kind: str
    ours: float = math.nan
    is_error: bool = True
    pending: bool = False

    @property
    def ratio(self) -> float:
        """Ours over the published one."""
        return self.ours / self.published

    @property
    def wanted(self) -> str:
        """What `ratio` must be, in words."""
        return "at most 1" if self.kind == "goal" else f"within {FACTORS[self.kind]:g}"

    @property
    def better(self) -> bool:
        """Whether an error is further below the published one than is wanted."""
        return self.is_error and self.kind != "goal" and self.ratio < 1.0 / FACTORS[self.kind]

    @property
    def met(self) -> bool | None:
        """Whether it is, or better; None without ours."""
        if math.isnan(self.ours):
            return None
        if self.kind == "goal":
            return self.ratio <= 1.0
        return self.better or 1.0 / FACTORS[self.kind] <= self.ratio <= FACTORS[self.kind]

    @property
    def verdict(self) -> str:
        """`met` in words."""
        if self.met is None:
            return "not run yet" if self.pending else "not run at this scale"
        return "yes, better" if self.better else "yes" if self.met else "no"


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
        value.verdict,
    )


def summary(values: list[Value]) -> str:
    """How many of the values that were run are met, and how many were not."""
    run = [value for value in values if value.met is not None]
    parts = [f"{sum(value.met for value in run)} of {len(run)} values met"]
    if better := sum(value.better for value in run):
        parts[0] += f" ({better} better than published)"
    missing = [value.verdict for value in values if value.met is None]
    return ", ".join([*parts, f"{len(missing)} {missing[0]}"] if missing else parts)


def markdown(values: list[Value]) -> str:
    """A table of the values."""
    rule = ("---", "--:", "---", "--:", "--:", "---", "---")
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEADINGS, rule, *map(cells, values)))
