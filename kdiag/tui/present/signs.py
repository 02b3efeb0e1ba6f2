"""The vital signs as small pictures over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kdiag.core.report.quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.engine.live import Signs

_BLOCKS = "▁▂▃▄▅▆▇█"
_LEAST_CURVE = 4  # columns; a shorter one tells nothing
_GAP = 2


class Sign(NamedTuple):
    """How one vital sign is shown: its short name, its unit, and what a full curve stands for at least."""

    name: str
    label: str
    unit: str
    full: float


SIGNS = (
    Sign("cpu_percent", "CPU", "percent", 100.0),
    Sign("gc_share", "GC", "ratio", 0.4),
    Sign("gil_waiting", "GIL wait", "count", 2.0),
    Sign("loop_delay_s", "Loop lag", "s", 0.1),
    Sign("rss_bytes", "Memory", "bytes", 0.0),
    Sign("threads", "Threads", "count", 0.0),
    Sign("descriptors", "Files", "count", 0.0),
    Sign("exceptions_per_s", "Errors", "count/s", 1.0),
)


def signs(history: Sequence[Signs], width: int) -> Text:
    """All vital signs as a block of lines: as many side by side as fit, each with its number and its curve."""
    columns = 8 if width >= 180 else 4 if width >= 76 else 2
    cell = (width - _GAP * (columns - 1)) // columns
    rows = [SIGNS[first : first + columns] for first in range(0, len(SIGNS), columns)]
    lines = [Text(" " * _GAP).join(_cell(sign, history, cell) for sign in row) for row in rows]
    return Text("\n").join(lines)


def _cell(sign: Sign, history: Sequence[Signs], width: int) -> Text:
    values = [each.values[sign.name] for each in history if sign.name in each.values]
    now = history[-1].values.get(sign.name) if history else None
    number = quantity(now, sign.unit) if now is not None else "–"
    text = Text.assemble((sign.label, "dim"), " ", (number, "bold" if now is not None else "dim"), no_wrap=True)
    left = width - text.cell_len - 1
    if left >= _LEAST_CURVE and values:
        text.append(" ")
        text.append(curve(values, left, sign.full).rjust(left), "cyan")
    text.truncate(width, pad=True)
    return text


def curve(values: Sequence[float], width: int, full: float) -> str:
    """The last `width` values as bars; the highest bar is the largest of them, or `full` if that is more.

    Values that have no natural zero (`full` is 0.0: memory, threads) are drawn between their extremes.
    """
    shown = values[-width:]
    low = min(shown) if not full else 0.0
    high = max(*shown, full, low)
    if high <= low:
        return _BLOCKS[0] * len(shown)
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[min(steps, round((value - low) / (high - low) * steps))] for value in shown)
