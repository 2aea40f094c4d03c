"""asv: decimal digits reached on fresh test points."""

import numpy as np

import precisekit as pk
from bench import modular
from bench.tasks import FIGURES, relative_rmse

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


class BoostedDigits:
    """Of two networks by BFGS, 1,000 iterations each."""

    params = ["cos 2x", "x*y"]
    param_names = ["task"]
    timeout = 300

    def track_digits(self, name):
        X, y, X_test, y_test = TASKS[name].load(0)
        model = pk.MLPRegressor(
            solver="bfgs", n_stages=2, max_iter=1_000, input_map="linear", random_state=0
        )
        return -np.log10(relative_rmse(model.fit(X, y).predict(X_test), y_test))

    track_digits.unit = "digits"
