"""Prints the precision figures: ``python -m bench.figures [name ...]``."""

from __future__ import annotations

import sys

from bench.tasks import FIGURES


def main(names: list[str]) -> int:
    print(
        f"{'task':16} {'seed':>4} {'network':>12} {'n':>5} {'map':>6} {'test rel. RMSE':>14} "
        f"{'asked':>7} {'seconds':>7} {'asked':>5} {'floor':>7}  stop reason"
    )
    missed = 0
    for task in FIGURES:
        if names and task.name not in names:
            continue
        for seed in task.seeds:
            model, error = task.run(seed)
            report = model.report_
            missed += error > task.error or report.seconds > task.seconds
            print(
                f"{task.name:16} {seed:4d} {report.network:>12} {report.n_samples:5d} "
                f"{report.input_map:>6} {error:14.2e} {task.error:7.0e} {report.seconds:7.1f} "
                f"{task.seconds:5.0f} {report.rounding_floor:7.1e}  {report.stop_reason}",
                flush=True,
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
