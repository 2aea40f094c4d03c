"""Reference functions and point sets for fitting experiments.

`feynman` evaluates the equations of the Feynman Symbolic Regression Database, `sample_box` draws
points in a box, and `teacher_student` makes data from a random tanh network.
"""

from .feynman import FeynmanEquation, feynman, list_feynman
from .sampling import sample_box
from .teacher import teacher_student

__all__ = ["FeynmanEquation", "feynman", "list_feynman", "sample_box", "teacher_student"]
