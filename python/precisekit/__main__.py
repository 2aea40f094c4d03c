"""``python -m precisekit``: paths for compilers, or else the command line."""

from __future__ import annotations

import shlex
import sys

from ._paths import get_cmake_dir, get_include


def main() -> int | None:
    """``--includes`` prints compiler flags, ``--cmakedir`` the CMake directory."""
    if sys.argv[1:] == ["--includes"]:
        print("-I" + shlex.quote(get_include()))
        return 0
    if sys.argv[1:] == ["--cmakedir"]:
        print(get_cmake_dir())
        return 0
    from .cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
