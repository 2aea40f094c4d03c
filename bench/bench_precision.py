"""asv: decimal digits reached on fresh test points."""

import numpy as np

from bench import modular
from bench.tasks import FIGURES

TASKS = {task.name: task for task in FIGURES}


class Digits:
    params = list(TASKS)
    param_names = ["task"]
    timeout = 300

    def track_digits(self, name):
        return -np.log10(TASKS[name].run(0)[1])

    track_digits.unit = "digits"


class ModularDigits:
    """Of the modular networks, on the paper's test points, absolute."""

    params = list(modular.CASES)
    param_names = ["equation"]
    timeout = 300

    def track_digits(self, name):
        return -np.log10(modular.inner_error(name, modular.fitted(name)))

    track_digits.unit = "digits"
