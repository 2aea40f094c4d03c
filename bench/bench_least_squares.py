"""asv: certified digits on NIST's regressions with no Jacobian given, and evaluations spent."""

import numpy as np

import precisekit as pk
from bench import nist

TASKS = {task.name: task for task in nist.load()}


class Nist:
    params = list(TASKS)
    param_names = ["set"]

    def _runs(self, name):
        task = TASKS[name]
        with np.errstate(all="ignore"):
            return task, [pk.least_squares(task.residual, start) for start in task.starts]

    def track_digits(self, name):
        task, results = self._runs(name)
        return min(task.digits(result.x) for result in results)

    def track_evaluations(self, name):
        return sum(result.nfev for result in self._runs(name)[1])

    track_digits.unit = "digits"
    track_evaluations.unit = "evaluations"
