"""How an estimator trains its network.

A search for the way to put the function to it (`_posing_search`), then growing sets of samples; and
further networks for what the first leaves over (`_run`).
"""

from ._model import Data, HeldOut, Model, Settings, StageReport, State
from ._run import Run

__all__ = ["Data", "HeldOut", "Model", "Run", "Settings", "StageReport", "State"]
