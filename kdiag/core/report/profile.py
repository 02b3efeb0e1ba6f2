"""A profile as other programs read it (collapsed, speedscope), and as a table for the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kdiag import __version__
from kdiag.core.profile import FunctionTotal, Profile, totals
from kdiag.core.report.layout import cells, clean, wrap
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import place
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Frame, ProfiledStack

_SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def collapsed(profile: Profile) -> Iterator[str]:
    """The stacks as flame graph tools read them: `outer;inner COUNT`, in py-spy's words."""
    for stack in profile.stacks:
        head = [f"thread ({stack.thread_id}): {stack.thread}"] if stack.thread or stack.thread_id else []
        frames = [_frame(frame) for frame in reversed(stack.frames)]
        yield f"{';'.join(_part(part) for part in [*head, *frames])} {stack.count}"


def _frame(frame: Frame) -> str:
    return f"{frame.function} ({place(frame.file, frame.line)})" if frame.file else frame.function


def _part(text: str) -> str:
    """The format knows no quoting: what would end a part or a line becomes something that does not."""
    return clean(text).replace(";", ",")


def speedscope(profile: Profile, name: str) -> Iterator[str]:
    """The profile in speedscope's JSON file format, a profile for each thread, the busiest first."""
    text = json.dumps(speedscope_json(profile, name), ensure_ascii=False, separators=(",", ":"))
    yield text.encode("utf-8", "backslashreplace").decode("utf-8")


def speedscope_json(profile: Profile, name: str) -> dict[str, Any]:
    """The same as plain data. Weights are seconds where the rate is known, else counts."""
    index: dict[tuple[str, str, int], int] = {}
    threads: dict[tuple[str, int], list[ProfiledStack]] = {}
    for stack in profile.stacks:
        threads.setdefault((stack.thread, stack.thread_id), []).append(stack)
    busiest = sorted(threads.items(), key=lambda item: -sum(stack.count for stack in item[1]))
    profiles = [_speedscope_thread(_thread_name(*thread), stacks, profile.rate_hz, index) for thread, stacks in busiest]
    return {
        "$schema": _SPEEDSCOPE_SCHEMA,
        "shared": {"frames": [_speedscope_frame(*key) for key in index]},
        "profiles": profiles,
        "name": name,
        "activeProfileIndex": 0,
        "exporter": f"kdiag@{__version__}",
    }


def _thread_name(name: str, thread_id: int) -> str:
    return (f"{name} ({thread_id})" if thread_id else name) or "all threads"


def _speedscope_thread(
    name: str, stacks: list[ProfiledStack], rate_hz: float | None, index: dict[tuple[str, str, int], int]
) -> dict[str, Any]:
    """One thread; `index` collects the frames that all threads share."""
    scale = 1 / rate_hz if rate_hz else 1
    weights = [stack.count * scale for stack in stacks]
    return {
        "type": "sampled",
        "name": name,
        "unit": "seconds" if rate_hz else "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [
            [index.setdefault((frame.function, frame.file, frame.line), len(index)) for frame in reversed(stack.frames)]
            for stack in stacks
        ],
        "weights": weights,
    }


def _speedscope_frame(function: str, file: str, line: int) -> dict[str, Any]:
    frame: dict[str, Any] = {"name": function}
    if file:
        frame["file"] = file
    if line:
        frame["line"] = line
    return frame


def top(profile: Profile, style: Style = PLAIN, width: int = 80, rows: int = 20) -> Iterator[str]:
    """The functions with the most time of their own, one row each, with the line of each that took the most."""
    if not profile.total:
        yield "No stack was seen."
        return
    functions = totals(profile)
    span = f", {quantity(profile.total / profile.rate_hz, 's')} of threads' time" if profile.rate_hz else ""
    shown = f"the {min(rows, len(functions))} hottest of {len(functions)} functions"
    yield from wrap(f"{profile.total:,} stacks{span}; {shown}", width)
    yield style.paint("quiet", f"{'SELF':>8}  {'TOTAL':>8}  FUNCTION")
    for function in functions[:rows]:
        yield from _row(function, profile.total, style, width)


def _row(function: FunctionTotal, total: int, style: Style, width: int) -> Iterator[str]:
    numbers = f"{_share(function.self_count, total)}  {_share(function.total_count, total)}"
    name, where = clean(function.function), clean(place(function.file, function.line))
    if where and cells(numbers) + cells(name) + cells(where) + 4 <= width:
        yield f"{numbers}  {style.paint('strong', name)}  {where}"
        return
    yield f"{numbers}  {style.paint('strong', name)}"
    if where:
        yield " " * (cells(numbers) + 4) + style.paint("quiet", where)


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:6.1f} %"
