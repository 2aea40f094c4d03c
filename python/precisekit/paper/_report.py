"""All figures in one page of HTML that needs no other file."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import NamedTuple

from ._values import HEADINGS, Value, cells

_STYLE = """
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222;
       font: 16px/1.5 system-ui, sans-serif; }
img { max-width: 100%; display: block; margin: 1rem 0; }
h2 { margin-top: 3.5rem; border-bottom: 1px solid #d9dcdf; padding-bottom: .3rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #e6e8ea; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.yes { color: #2a7a3b; } td.no { color: #b3261e; }
code { background: #f3f4f5; padding: .1rem .3rem; }
p.notes { color: #444; }
"""
_NUMBERS = ("published", "ours", "ratio")


class Section(NamedTuple):
    """What the page says of a figure."""

    title: str
    picture: Path
    values: list[Value]
    summary: str
    command: str
    notes: str


def page(sections: list[Section]) -> str:
    """The HTML."""
    links = "\n".join(
        f'<li><a href="#{section.picture.stem}">{escape(section.title)}</a>: '
        f"{escape(section.summary)}</li>"
        for section in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Precision Machine Learning, reproduced</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Precision Machine Learning, reproduced</h1>
<p>Figures of Michaud, Liu and Tegmark (2022), made by precisekit, with the published values beside
ours.</p>
<ul>
{links}
</ul>
{"".join(map(_section, sections))}
</body>
</html>
"""


def _section(section: Section) -> str:
    picture = base64.b64encode(section.picture.read_bytes()).decode()
    headings = "".join(f"<th>{name}</th>" for name in HEADINGS)
    rows = "\n".join(f"<tr>{_row(value)}</tr>" for value in section.values)
    notes = "\n".join(f'<p class="notes">{escape(p)}</p>' for p in section.notes.split("\n\n"))
    return f"""
<h2 id="{section.picture.stem}">{escape(section.title)}</h2>
<img alt="{escape(section.title)}" src="data:image/png;base64,{picture}">
{notes}
<p><code>{escape(section.command)}</code></p>
<table>
<tr>{headings}</tr>
{rows}
</table>
"""


def _row(value: Value) -> str:
    classes = {name: "number" for name in _NUMBERS}
    classes["met"] = {True: "yes", False: "no", None: "unknown"}[value.met]
    return "".join(
        f'<td class="{classes.get(name, "text")}">{escape(cell)}</td>'
        for name, cell in zip(HEADINGS, cells(value))
    )
