"""Identifiers of the three languages."""

from __future__ import annotations

import re

# Of C23 and C++20: a C header is of use in C++ too.
_C_WORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
    char32_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
    constinit continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
    return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using
    virtual void volatile wchar_t while xor xor_eq
"""
# A namespace of C++ must not have the name of one of these either: functions of <math.h>, macros.
_TAKEN_IN_CPP = """
    HUGE_VAL INFINITY NAN NULL assert errno linux unix
    std main acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh drem erf erfc exp
    exp10 exp2 expm1 fabs fdim finite floor fma fmax fmin fmod frexp gamma hypot ilogb isfinite
    isinf isnan isnormal j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround
    modf nan nearbyint nextafter nexttoward pow remainder remquo rint round scalb scalbln scalbn
    signbit signgam significand sin sincos sinh sqrt tan tanh tgamma trunc y0 y1 yn
"""
# Fortran reserves no word; but "module procedure" and its like begin other statements.
_FORTRAN_WORDS = """
    abstract allocatable allocate assign assignment associate asynchronous backspace bind block
    blockdata call case character class close codimension common complex concurrent contains
    contiguous continue critical cycle data deallocate deferred dimension do double doubleprecision
    elemental else elseif elsewhere end endfile enddo endif entry enum enumerator equivalence error
    exit extends external final flush forall format function generic go goto if implicit import
    impure in include inout inquire integer intent interface intrinsic is kind len lock logical
    module namelist non_overridable none nopass nullify only open operator optional out parameter
    pass pause pointer precision print private procedure program protected public pure read real
    recursive result return rewind save select sequence stop submodule subroutine sync target then
    to type unformatted unlock use value volatile wait where while write
"""

# What the module itself uses by name.
_TAKEN_IN_FORTRAN = """
    abs all any cos dot_product erfc exp ieee_arithmetic ieee_is_finite ieee_quiet_nan ieee_value
    iso_fortran_env log merge mod real64 sin tanh wp
"""

_LANGUAGE = {"c": "C", "c++": "C++", "fortran": "Fortran"}
_RESERVED = {
    "c": frozenset(_C_WORDS.split()),
    "c++": frozenset((_C_WORDS + _TAKEN_IN_CPP).split()),
    "fortran": frozenset((_FORTRAN_WORDS + _TAKEN_IN_FORTRAN).split()),
}
# Of the identifiers that they have in common: C and C++ keep those with two underscores, or one in
# front, to themselves, and ours go on with one.
_IDENTIFIER = "[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*"
# How the names begin that are of no use outside of a module.
FORTRAN_PRIVATE = "own_"
# Of 63 characters that Fortran has for a name, less those of _value_and_gradient.
_LONGEST = 44


def check_name(name, lang: str) -> None:
    """Raise ValueError for a name that is none in the language."""
    language = _LANGUAGE[lang]
    if not isinstance(name, str) or not re.fullmatch(_IDENTIFIER, name):
        raise ValueError(
            f"name must be an identifier of {language}, of letters, digits and single underscores, "
            f"which begins with a letter; got {name!r}"
        )
    if _is_reserved(name, lang):
        raise ValueError(f"name must not be {name!r}, which has a meaning of its own in {language}")
    if _is_private(name, lang):
        raise ValueError(f"name must not begin with {FORTRAN_PRIVATE} in Fortran, got {name!r}")
    if lang == "fortran" and len(name) > _LONGEST:
        raise ValueError(
            f"name must have at most {_LONGEST} characters in Fortran, got {len(name)}: {name!r}"
        )


def name_of_stem(stem: str, lang: str) -> str:
    """An identifier of the language that is made of a file's name without its suffix."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_") or "model"
    if name[0].isdigit() or _is_reserved(name, lang) or _is_private(name, lang):
        name = f"model_{name}"
    return name[:_LONGEST].rstrip("_") if lang == "fortran" else name


def _is_reserved(name: str, lang: str) -> bool:
    return (name.lower() if lang == "fortran" else name) in _RESERVED[lang]


def _is_private(name: str, lang: str) -> bool:
    return lang == "fortran" and name.lower().startswith(FORTRAN_PRIVATE)
