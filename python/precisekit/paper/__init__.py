"""The figures of "Precision Machine Learning" (Michaud, Liu, Tegmark, 2022), and beyond.

``precisekit paper fig1`` reproduces a figure, ``precisekit paper all`` all of them, and
``precisekit paper feynman`` fits every equation of the Feynman table; in Python, `run` and
`run_all`.
"""

from ._figures import FIGURES, run, run_all
from ._values import Value

__all__ = ["FIGURES", "Value", "run", "run_all"]
