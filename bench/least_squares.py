"""`least_squares` beside SciPy's ``least_squares(method="lm")``: MINPACK's lmder and lmdif.

``python -m bench.least_squares [nist|mgh|options]`` prints a table for each of what is asked, all
without an argument:

- ``nist``: the certified digits that the worst parameter of each set reaches from both starts, with
  no Jacobian given. SciPy runs at its tightest tolerances.
- ``mgh``: the sums of squares reached on the More-Garbow-Hillstrom problems from 1, 10 and 100
  times the standard start, with exact Jacobians.
- ``options``: what the corrections to second order save.
"""

from __future__ import annotations

import sys

import numpy as np
import scipy.optimize

import precisekit as pk
from bench import nist
from bench.more_garbow_hillstrom import PROBLEMS

FACTORS = (1, 10, 100)
EVALUATIONS = 5_000  # at most, for both
LARGE = 200  # samples; 22 of the 27 sets of NIST have fewer


def scipys(residual, start, jac="2-point"):
    """SciPy's result at its tightest tolerances; None where it refuses the problem."""
    tight = np.finfo(float).eps
    tolerances = dict(ftol=tight, xtol=tight, gtol=tight, max_nfev=EVALUATIONS)
    try:
        return scipy.optimize.least_squares(residual, start, jac=jac, method="lm", **tolerances)
    except ValueError:
        return None


class Counted:
    """A function that counts its calls, those of a package's differences included."""

    def __init__(self, function):
        self._function = function
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return self._function(x)


def nist_table():
    print("NIST, no Jacobian given: digits of the worst parameter (calls of the residual)")
    print(f"{'set':9} {'level':8} {'n':>4} {'P':>2}   {'precisekit':^23}   {'SciPy lm':^23}")
    counts = {"precisekit": [0, 0], "SciPy lm": [0, 0]}  # all starts, those of the smaller sets
    smaller = 0
    for task in nist.load():
        cells = {"precisekit": "", "SciPy lm": ""}
        is_small = task.y.size <= LARGE
        smaller += 2 * is_small
        for start in task.starts:
            runs = {"precisekit": pk.least_squares, "SciPy lm": scipys}
            for name, run in runs.items():
                residual = Counted(task.residual)
                result = run(residual, start)
                digits = 0.0 if result is None else task.digits(result.x)
                counts[name][0] += digits >= 8
                counts[name][1] += is_small and digits >= 8
                cells[name] += f"  {digits:4.1f} ({residual.calls:4d})"
        print(
            f"{task.name:9} {task.level:8} {task.y.size:4d} {task.certified.size:2d} "
            f"{cells['precisekit']}   {cells['SciPy lm']}",
            flush=True,
        )
    for name, (everything, of_smaller) in counts.items():
        print(
            f"{name}: eight digits from {everything} of 54 starts; of the {smaller // 2} sets with "
            f"at most {LARGE} samples from {of_smaller} of {smaller}"
        )
    print("asked of precisekit: 42 of 44")


def reached(value, minima):
    """Whether a sum of squares is one of a known minimum."""
    return any(abs(value - minimum) <= 1e-6 * minimum + 1e-20 for minimum in minima)


def mgh_table():
    print("\nMore-Garbow-Hillstrom, exact Jacobians: sum of squares (evaluations, Jacobians)")
    print("* is a known minimum; < and > mark a sum lower or higher than SciPy's")
    header = "".join(f"{f'{f} x, precisekit':^27}{f'{f} x, SciPy lm':^22}" for f in FACTORS)
    print(f"{'problem':26}{header}")
    ours_known = scipys_known = lower = higher = 0
    for problem in PROBLEMS:
        line = f"{problem.number:2d} {problem.name:23}"
        for factor in FACTORS:
            start = problem.scaled_start(factor)
            ours = pk.least_squares(
                problem.residual, start, jac=problem.jacobian, max_nfev=EVALUATIONS
            )
            theirs = scipys(problem.residual, start, problem.jacobian)
            a, b = 2 * ours.cost, np.inf if theirs is None else 2 * theirs.cost
            known, known_scipy = reached(a, problem.minima), reached(b, problem.minima)
            is_lower = a < b * (1 - 1e-6) - 1e-20
            is_higher = a > b * (1 + 1e-6) + 1e-20
            ours_known += known
            scipys_known += known_scipy
            lower += is_lower
            higher += is_higher
            mark = "<" if is_lower else ">" if is_higher else " "
            calls = "" if theirs is None else f"({theirs.nfev},{theirs.njev})"
            line += f" {a:9.3e}{'*' if known else ' '}{mark} {f'({ours.nfev},{ours.njev})':13}"
            line += f" {b:9.3e}{'*' if known_scipy else ' '} {calls:12}"
        print(line.rstrip(), flush=True)
    total = len(PROBLEMS) * len(FACTORS)
    print(f"known minima: precisekit {ours_known}, SciPy {scipys_known} of {total}")
    print(f"precisekit lower on {lower}, higher on {higher}")


def options_table():
    print("\ncorrections to second order: evaluations, and Jacobians, with and without")
    for name, standard in (("NIST, no Jacobian", False), ("MGH, exact Jacobians", True)):
        sums = np.zeros((2, 3), dtype=int)
        for row, second_order in zip(sums, (True, False), strict=True):
            if standard:
                for problem in PROBLEMS:
                    result = pk.least_squares(
                        problem.residual, problem.start, problem.jacobian, second_order=second_order
                    )
                    row += result.nfev, result.njev, reached(2 * result.cost, problem.minima)
            else:
                for task in nist.load():
                    for start in task.starts:
                        result = pk.least_squares(task.residual, start, second_order=second_order)
                        row += result.nfev, result.njev, task.digits(result.x) >= 8
        (a, b, c), (d, e, f) = sums
        print(f"{name:22} with: {a:6d} {b:5d}, solved {c};  without: {d:6d} {e:5d}, solved {f}")


def main(asked: list[str]) -> None:
    tables = {"nist": nist_table, "mgh": mgh_table, "options": options_table}
    unknown = set(asked) - set(tables)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; one of {', '.join(tables)}")
    with np.errstate(all="ignore"):  # trials far off overflow, and are not taken
        for name in asked or tables:
            tables[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
