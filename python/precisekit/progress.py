"""One line on the terminal that tells how far a fit has come."""

from __future__ import annotations

import math
import shutil
import sys
import time

_EVERY = 0.1  # seconds between two drawings
_BAR = 20


class Progress:
    """A callback for `precisekit.fit` and MLPRegressor that redraws one line.

    Does nothing unless the stream is a terminal. Use it as a context manager: the line is wiped at
    the end.

    Parameters
    ----------
    goal : float
        Relative RMSE at which the bar is full; its scale is logarithmic.
    time_limit : float
        Seconds.
    stream : file, optional
        Standard error by default.
    """

    def __init__(self, goal: float, time_limit: float, stream=None):
        self.goal = goal
        self.time_limit = time_limit
        self.stream = sys.stderr if stream is None else stream
        self.shown = self.stream.isatty()
        self._began = time.perf_counter()
        self._drawn = -math.inf
        self._width = 0  # of the line on the screen

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception) -> None:
        if self.shown:
            self._write("")
            self._write("")

    def __call__(self, state) -> bool:
        """Takes a state of the fit; never stops it."""
        now = time.perf_counter()
        if self.shown and now - self._drawn >= _EVERY:
            self._drawn = now
            self._write(self.line(state, now - self._began))
        return False

    def line(self, state, seconds: float) -> str:
        """The text for a state, without its end."""
        full = round(_BAR * share_done(state.relative_rmse, self.goal))
        bar = "#" * full + "-" * (_BAR - full)
        sizes = "-".join(map(str, state.net.sizes))
        return (
            f"[{bar}] {state.relative_rmse:.1e}  {state.nit} iterations  "
            f"{seconds:.1f} of {self.time_limit:g} s  {sizes} {state.input_map.kind}"
        )

    def _write(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)


def share_done(relative_rmse: float, goal: float) -> float:
    """How far from 1 to the goal an error has come, on a logarithmic scale."""
    if not relative_rmse < 1:
        return 0.0
    return min(math.log(max(relative_rmse, goal)) / math.log(goal), 1.0)
