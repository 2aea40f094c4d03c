"""Fitted models as source code of other languages, that needs nothing but the language itself.

A model becomes a description (`_description`): the variables that symmetries leave, features,
layers, outputs; or the axes and coefficients of a spline. One small writer a language (`_c`,
`_cpp`, `_fortran`) turns that into code. What a network computes is told to all of them statement
by statement, in one place (`_network`); splines are data and a routine.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

_WRITERS = {"c": "_c", "c++": "_cpp", "fortran": "_fortran"}
LANGUAGES = tuple(_WRITERS)


class Exportable:
    """What every estimator, and `SplineInterpolator`, can do when it is fitted."""

    def export(self, path, lang: str = "c", name: str | None = None) -> None:
        """Write the model as one file of source code: a function, and its derivatives.

        The code needs the language's own library only, allocates nothing, and gives what `predict`
        and `predict_gradient` give, to the rounding of the model; how to call it stands at the top
        of the file. Where these raise ValueError, for a value that is not finite or not positive
        under a logarithm or a power, it returns NaN. The same model gives the same bytes.

        Parameters
        ----------
        path : str or path-like
            The file appears whole or not at all.
        lang : {"c", "c++", "fortran"}
            "c": a C99 header, of use in C++17 too; functions ``name_value`` and
            ``name_value_and_gradient``. "c++": a C++17 header, with namespace ``name``. "fortran":
            a Fortran 2008 module ``name``, of real64.
        name : str, optional
            An identifier, from which the names in the file begin. By default it is made of the
            file's name.

        Raises
        ------
        ValueError
            For an unknown `lang`, or a `name` that is no identifier of the language.
        TypeError
            For a model that has no formula to write down; the message says what can be exported.
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        OSError
            If the file cannot be written.
        """
        from ..io import atomic_write

        text = source(self, lang, identifier(path, lang, name))
        with atomic_write(path) as file:
            file.write(text.encode())


def source(model, lang: str, name: str) -> str:
    """The text of the file that `Exportable.export` writes."""
    from ._description import describe

    return import_module(f".{_WRITERS[lang]}", __name__).source(describe(model), name)


def identifier(path, lang: str, name: str | None = None) -> str:
    """The name from which those in the file begin: as given, or made of the file's name.

    Raises
    ------
    ValueError
        For an unknown language, or a name that is no identifier of it.
    """
    from ._names import check_name, name_of_stem

    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(map(repr, LANGUAGES))}, got {lang!r}")
    if name is None:
        return name_of_stem(Path(path).stem, lang)
    check_name(name, lang)
    return name
