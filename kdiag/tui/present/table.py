"""Rows of a table as text: columns that fit a width, and cells that are cut to it.

Separate from the widget that draws them, because it is pure; and a row becomes text only when it is on the screen,
since there may be thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kdiag.core.report.layout import GAP, cells, clean, pad
from kdiag.tui.present.text import painted

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from kdiag.core.report.style import Role

Cell = str | tuple["Role", str]
_MORE = "…"


class Column(NamedTuple):
    """One column: its title, its width in cells, and whether it is of numbers."""

    title: str
    width: int
    right: bool = False


class Row(NamedTuple):
    """One row.

    Attributes:
        key: what it is about: the same in all pictures.
        also: what it is known by when nothing has the key any more, such as the members of a group.
    """

    key: Hashable
    cells: tuple[Cell, ...]
    also: tuple[Hashable, ...] = ()


class Rows(NamedTuple):
    """What a table shows."""

    columns: tuple[Column, ...] = ()
    rows: Sequence[Row] = ()


def fitted(width: int, *columns: tuple[str, int, float]) -> tuple[Column, ...]:
    """Columns in `width` cells; each one is given by its title, its least width, and its part of what is left.

    A least width below nought is one of numbers, aligned to the right.
    """
    left = max(0, width - sum(abs(least) for _, least, _ in columns) - len(GAP) * (len(columns) - 1))
    parts = sum(part for _, _, part in columns) or 1.0
    return tuple(Column(title, abs(least) + int(left * part / parts), least < 0) for title, least, part in columns)


def head(columns: Sequence[Column]) -> Text:
    """The line above the rows."""
    return painted(("quiet", GAP.join(_cut(each.title, each) for each in columns).rstrip()))


def line(columns: Sequence[Column], row: Row) -> Text:
    """One row as a line."""
    parts: list[tuple[Role | None, str]] = []
    for number, (column, cell) in enumerate(zip(columns, row.cells, strict=True)):
        role, text = (None, cell) if isinstance(cell, str) else cell
        parts += [(None, GAP if number else ""), (role, _cut(clean(text), column))]
    return painted(*parts)


def place_of(rows: Sequence[Row], row: Row | None, before: int = 0) -> int:
    """Where a row of an earlier picture is now: by its key, else by what else it is known by, else where it was."""
    if row is not None:
        for number, each in enumerate(rows):
            if each.key == row.key:
                return number
        places = {known: number for number, each in enumerate(rows) for known in each.also}
        found = next((places[known] for known in row.also if known in places), None)
        if found is not None:
            return found
    return max(0, min(before, len(rows) - 1))


def _cut(text: str, column: Column) -> str:
    return pad(clipped(text, column.width), column.width, right=column.right)


def clipped(text: str, width: int) -> str:
    """The text in `width` cells, its end left out where it is longer."""
    if cells(text) <= width:
        return text
    short = Text(text)
    short.truncate(max(0, width - 1))
    return short.plain + _MORE if width > 0 else ""
