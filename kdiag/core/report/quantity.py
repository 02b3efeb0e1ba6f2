"""A number with its unit as a person writes it: "61 %", "120 ms", "12.5 MiB/min".

It is separate so that every format words the same number alike, and the JSON keeps the plain number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kdiag.core.model import Evidence

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def quantity(value: float, unit: str) -> str:
    """The value in its unit; units are those of `Evidence.unit`: ratio, percent, s, bytes, count, X/s, X/min."""
    if not math.isfinite(value):
        return "unknown"
    base, slash, per = unit.partition("/")
    return _plain(value, base) + slash + per


def _plain(value: float, unit: str) -> str:
    match unit:
        case "ratio":
            return f"{_digits(value * 100)} %"
        case "percent" | "%":
            return f"{_digits(value)} %"
        case "s" | "seconds":
            return _seconds(value)
        case "ms":
            return _seconds(value / 1000)
        case "bytes":
            return _bytes(value)
        case "" | "1" | "count":
            return _digits(value)
        case _:
            return f"{_digits(value)} {_singular(unit) if value == 1 else unit}"


def _singular(unit: str) -> str:
    return unit.removesuffix("es") if unit.endswith("sses") else unit.removesuffix("s")


def _digits(value: float) -> str:
    """Three digits are enough to act on; large numbers keep all before the point."""
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def _seconds(value: float) -> str:
    if value and abs(value) < 1:
        return f"{_digits(round(value * 1000, 3))} ms"
    if abs(value) < 10:
        return f"{value:.2f}".rstrip("0").rstrip(".") + " s"
    return f"{_digits(value)} s"


def _bytes(value: float) -> str:
    for name in _BINARY:
        if abs(value) < 1024 or name == _BINARY[-1]:
            break
        value /= 1024
    return f"{_digits(value)} {name}"


def bounds(evidence: Evidence) -> str:
    """The 95 % bounds, as "55 to 67 %"; empty where there are none."""
    if evidence.low is None or evidence.high is None:
        return ""
    low, _, unit = (from_ := quantity(evidence.low, evidence.unit)).partition(" ")
    to = quantity(evidence.high, evidence.unit)
    return f"{low if to.endswith(f' {unit}') else from_} to {to}"


def limit(value: float | None, unit: str) -> str:
    """A threshold's number, empty where there is none."""
    return "" if value is None else quantity(value, unit)
