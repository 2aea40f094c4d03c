"""``python -m precisekit.paper EXPERIMENT``, which is also ``precisekit paper EXPERIMENT``."""

from __future__ import annotations

import argparse
import sys

from . import _figures, feynman

DESCRIPTION = "The figures of the paper Precision Machine Learning, reproduced, and beyond them."


def add_experiments(parser) -> None:
    """The commands, below a parser."""
    experiments = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT")
    _figures.add_parsers(experiments)
    feynman.add_parser(experiments)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m precisekit.paper", description=DESCRIPTION)
    add_experiments(parser)
    parsed = parser.parse_args(arguments)
    return parsed.run(parsed)


if __name__ == "__main__":
    sys.exit(main())
