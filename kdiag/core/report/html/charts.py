"""Small pictures beside numbers: a value over time, and a value against its threshold; SVG without any script."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kdiag.core.report.html.markup import text
from kdiag.core.report.observed import vital
from kdiag.core.report.quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kdiag.core.model import Evidence

_WIDTH, _HEIGHT = 240, 48
_BAR = 120
_ROOM = 1.1  # the longest bar leaves a tenth free
_LABELS = {
    "cpu": "CPU", "rss": "memory (RSS)", "gc": "garbage collector", "gil_waiting": "waiting for the GIL",
    "loop_delay": "loop delay", "exceptions": "exceptions",
}  # fmt: skip
_ENDINGS = ("_percent", "_share", "_bytes", "_per_s", "_s")


def signs(vitals: Mapping[str, float], series: Mapping[str, Sequence[tuple[float, float]]]) -> Iterator[str]:
    """A tile for each vital sign: its value for the whole time, and its course where one was seen."""
    yield '<div class="signs">'
    for name, value in vitals.items():
        points = [point for point in series.get(name, ()) if math.isfinite(point[1])]
        told = text(vital(name, value, bare=True))
        yield f'<figure class="sign"><figcaption>{text(_label(name))} <strong>{told}</strong></figcaption>'
        if len(points) > 1:
            yield _course(name, points)
        yield "</figure>"
    yield "</div>"


def _label(name: str) -> str:
    bare = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    return _LABELS.get(bare, bare.replace("_", " "))


def _course(name: str, points: Sequence[tuple[float, float]]) -> str:
    """The curve from zero up, with what it lies between in words."""
    start, end = points[0][0], points[-1][0]
    low, high = min(value for _, value in points), max(value for _, value in points)
    top = high * _ROOM or 1.0
    path = " ".join(
        f"{_WIDTH * (at - start) / (end - start):.1f},{_HEIGHT * (1 - max(0.0, value) / top):.1f}"
        for at, value in points
    )
    span = f"{quantity(start, 's')} to {quantity(end, 's')}"
    range_ = f"{vital(name, low, bare=True)} to {vital(name, high, bare=True)}"
    told = f"always {vital(name, low, bare=True)}" if low == high else range_
    return (
        f'<svg class="course" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(f"{_label(name)} from {span}: {told}")}">'
        f'<polygon points="0,{_HEIGHT} {path} {_WIDTH},{_HEIGHT}"/><polyline points="{path}"/></svg>'
        f"<small>{text(told)}; {text(span)}</small>"
    )


def bar(evidence: Evidence) -> str:
    """The value as a bar, its 95 % bounds as a line, its threshold as a mark; "" where there is nothing to compare."""
    numbers = [evidence.value, evidence.low, evidence.high, evidence.threshold]
    known = [number for number in numbers if number is not None]
    if evidence.threshold is None or not all(math.isfinite(number) and number >= 0 for number in known):
        return ""
    top = max(known) * _ROOM
    if not 0 < top < math.inf:
        return ""
    x = [None if number is None else round(_BAR * number / top, 1) for number in numbers]
    value, low, high, threshold = x
    bounds = f'<path class="bounds" d="M{low} 8H{high}"/>' if low is not None and high is not None else ""
    return (
        f'<svg class="bar" width="{_BAR}" height="16" viewBox="0 0 {_BAR} 16" aria-hidden="true">'
        f'<rect class="value" y="4" width="{value}" height="8"/>{bounds}'
        f'<path class="threshold" d="M{threshold} 0V16"/></svg>'
    )


def pair(before: object, after: object) -> str:
    """Two values as bars, one above the other; "" where they are no two numbers, or both are zero."""
    numbers = [each for each in (before, after) if isinstance(each, float) and math.isfinite(each) and each >= 0]
    if len(numbers) != 2 or not max(numbers):
        return ""
    first, second = (round(_BAR * number / max(numbers), 1) for number in numbers)
    return (
        f'<svg class="bar" width="{_BAR}" height="16" viewBox="0 0 {_BAR} 16" aria-hidden="true">'
        f'<rect class="earlier" y="1" width="{first}" height="6"/>'
        f'<rect class="value" y="9" width="{second}" height="6"/></svg>'
    )
