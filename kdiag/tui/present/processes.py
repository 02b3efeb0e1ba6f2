"""The Python processes of a machine as rows to choose from, those that match what is typed.

Separate from the picker because what fits into how many columns is decided here: the command says which service it is,
so it gets what a narrow screen has.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from kdiag.tui.present.table import Cell, Row, Rows, fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.engine.inventory import Living

_WIDE = 110  # columns, from which on all is shown
_LOOKS = 20  # cells, at most, for what looks sick on a narrow screen
_WITH_VALUE = frozenset({"-X", "-W", "--check-hash-based-pycs"})  # the interpreter's options


def processes(living: Sequence[Living], width: int, wanted: str) -> Rows:
    """Those that have every word of `wanted` in what is known of them, in `width` columns; keys are their PIDs."""
    words = wanted.lower().split()
    told = [(each, _facts(each)) for each in living]
    shown = [(each, facts) for each, facts in told if all(word in " ".join(facts).lower() for word in words)]
    wide = width >= _WIDE
    looks = max((len(facts[1]) for _, facts in shown), default=0)
    extra = (("UP", 7, 0.0), ("PYTHON", 8, 0.0)) if wide else ()
    columns = fitted(
        width, ("PID", -7, 0), ("LOOKS", max(5, looks if wide else min(looks, _LOOKS)), 0), ("CPU%", -6, 0),
        ("RSS", -8, 0), ("THR", -4, 0), *extra, ("ACCESS", 7, 0), ("COMMAND", 8, 1),
    )  # fmt: skip
    room = columns[-1].width
    return Rows(columns, [_row(each, facts, room, wide=wide) for each, facts in shown])


def _facts(each: Living) -> tuple[str, ...]:
    pid, python, up, _, rss, threads, access, command = each.row.cells()
    return pid, ", ".join(each.alarms), f"{each.cpu_percent:.1f}", rss, threads, up, python, access, command


def _row(each: Living, facts: tuple[str, ...], room: int, *, wide: bool) -> Row:
    pid, looks, cpu, rss, threads, up, python, access, whole = facts
    command = whole if len(whole) <= room else short(each.row.command)
    sick: Cell = ("warning", looks) if looks else "-"
    return Row(pid, (pid, sick, cpu, rss, threads, *((up, python) if wide else ()), access, command))


def short(command: Sequence[str]) -> str:
    """A command line without the interpreter, its options, and the folders of the program."""
    rest = list(command)
    if len(rest) > 1 and PurePath(rest[0]).name.startswith("python"):
        del rest[0]
        while len(rest) > 1 and rest[0].startswith("-") and rest[0] != "-c":
            del rest[: 2 if rest[0] in _WITH_VALUE and len(rest) > 2 else 1]
    return " ".join([PurePath(rest[0]).name or rest[0], *rest[1:]]) if rest else ""
