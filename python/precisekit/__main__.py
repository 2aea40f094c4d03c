"""``python -m precisekit``: paths for compilers, or else the command line."""

from __future__ import annotations

import shlex
import sys

from ._paths import get_cmake_dir, get_include


def main() -> int | None:
    """``--includes`` prints compiler flags, ``--cmakedir`` the CMake directory."""
    paths = {"--includes": lambda: "-I" + shlex.quote(get_include()), "--cmakedir": get_cmake_dir}
    asked = sys.argv[1:]
    if asked and all(option in paths for option in asked):
        for option in asked:
            print(paths[option]())
        return 0
    from .cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
