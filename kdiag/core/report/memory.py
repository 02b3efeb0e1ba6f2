"""What `kdiag memory` saw: a line for each second, then what grows and who keeps it, as text or as data.

Separate from the report of a diagnosis, which has a verdict: this is an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.frames import at, located
from kdiag.core.report.layout import clean, table, wrap, wrap_painted
from kdiag.core.report.quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.heap import HeapGrowth
    from kdiag.core.model import AllocationLine, Allocations, Creation, Keeper, Keepers
    from kdiag.core.report.style import Style

_ROWS = 10
_MINUTE_S = 60.0
_ROW = "{:>8}  {:>10}  {:>12}  {:>12}"
_NOT_TRACED = {
    "too-many": "Too much was allocated to be told in one go: try a shorter time.",
    "switched-off": "The service switched tracemalloc off itself meanwhile.",
}


def heading(style: Style) -> str:
    """The names of the columns of `row`."""
    return style.paint("quiet", _ROW.format("TIME", "RESIDENT", "BLOCKS", "OBJECTS"))


def row(elapsed_s: float, rss: int, blocks: int, objects: int | None) -> str:
    """One second or so: resident memory, allocated blocks, objects that the collector watches."""
    known = "-" if objects is None else f"{objects:,}"
    return _ROW.format(f"{elapsed_s:.1f} s", quantity(rss, "bytes"), f"{blocks:,}", known)


def render(
    growth: HeapGrowth | None,
    keepers: Keepers | None,
    allocations: Allocations | None,
    style: Style,
    width: int,
    *,
    longer: str = "Watch for longer where memory grows slowly: --for 1m",
) -> Iterator[str]:
    """What grows, in lines for people; `longer` says how to see what grows slowly."""
    yield from types(growth, style, width)
    if keepers is not None:
        yield ""
        yield from _keepers(keepers, style, width, longer)
    if allocations is not None:
        yield ""
        yield from _allocations(allocations, style, width)
        yield from _created(allocations, style, width)


def to_json(growth: HeapGrowth | None, keepers: Keepers, allocations: Allocations | None) -> dict[str, Any]:
    """The same as data."""
    return {
        "types": types_to_json(growth),
        "keepers": {
            "walks": keepers.walks, "visited": keepers.visited, "all_modules": keepers.whole,
            "growing": [_keeper(each) for each in keepers.growing],
        },
        "allocations": None if allocations is None else {
            "state": allocations.state, "seconds": round(allocations.seconds, 3), "foreign": allocations.foreign,
            "lines": [
                {
                    "bytes": each.bytes, "blocks": each.blocks,
                    "frames": [{"file": frame.file, "line": frame.line} for frame in each.frames],
                }
                for each in allocations.lines
            ],
            "created": [
                {
                    "kind": each.kind, "count": each.count,
                    "frames": [{"file": frame.file, "line": frame.line} for frame in each.frames],
                }
                for each in allocations.created
            ],
        },
    }  # fmt: skip


def _keeper(keeper: Keeper) -> dict[str, Any]:
    return {
        "name": keeper.name, "file": keeper.file, "kind": keeper.kind, "containers": keeper.containers,
        "before": keeper.before, "after": keeper.after, "seconds": round(keeper.span_s, 3),
        "types": [name for name, _ in keeper.types], "element_bytes": keeper.element_bytes,
    }  # fmt: skip


def types_to_json(growth: HeapGrowth | None) -> dict[str, Any] | None:
    """The types that grow as data."""
    return None if growth is None else {
        "seconds": round(growth.span_s, 3), "looked": growth.looked,
        "share": None if growth.share is None else round(growth.share, 4),
        "growing": [{"type": each.name, "before": each.before, "after": each.after} for each in growth.types],
    }  # fmt: skip


def types(growth: HeapGrowth | None, style: Style, width: int) -> Iterator[str]:
    """The types that grow, in lines for people."""
    if growth is None:
        yield from wrap("The objects could not be counted by type often enough to compare.", width)
        return
    yield from wrap_painted(style, "strong", f"Types that grow ({growth.seen}, in {growth.span_s:.1f} s)", width)
    if not growth.types:
        yield from wrap("None of those that the collector watches; bytes, texts and numbers are not among them.", width)
        return
    rows = [("MORE", "A MINUTE", "NOW", "TYPE")]
    for each in growth.types[:_ROWS]:
        a_minute = f"{_MINUTE_S * each.rise / growth.span_s:,.0f}"
        rows.append((f"{each.rise:+,}", a_minute, f"{each.after:,}", clean(each.name)))
    yield from table(rows, "", numbers=frozenset({0, 1, 2}))


def _keepers(keepers: Keepers, style: Style, width: int, longer: str) -> Iterator[str]:
    where = "all modules" if keepers.whole else "the service's own modules"
    seen = f"{keepers.walks:,} walks from {where}, {keepers.visited:,} objects looked at"
    yield from wrap_painted(style, "strong", f"Containers that grow ({seen})", width)
    if not keepers.growing:
        yield from wrap(f"None. {longer}", width)
        return
    rows = [("MORE", "A MINUTE", "ABOUT", "CONTAINER", "OF")]
    for each in keepers.growing[:_ROWS]:
        a_minute = quantity(_MINUTE_S * each.bytes_per_s, "bytes/min")
        types = ", ".join(clean(name) for name, _ in each.types[:2]) or "-"
        rows.append((
            f"{each.after - each.before:+,}", f"{_MINUTE_S * each.per_s:,.0f}", a_minute,
            f"{clean(each.name)} ({clean(each.kind)})", types,
        ))  # fmt: skip
    yield from table(rows, "", numbers=frozenset({0, 1, 2}))


def _allocations(allocations: Allocations, style: Style, width: int) -> Iterator[str]:
    if allocations.state != "done":
        yield from wrap(_NOT_TRACED.get(allocations.state, "The tracing did not end in time."), width)
        return
    since = "since the service traces itself" if allocations.foreign else f"in {allocations.seconds:.1f} s"
    yield from wrap_painted(style, "strong", f"Allocated {since}, and still alive", width)
    rows = [("BYTES", "BLOCKS", "AT")]
    rows += [
        (quantity(each.bytes, "bytes"), f"{each.blocks:,}", clean(at(_own(each)))) for each in allocations.lines[:_ROWS]
    ]
    yield from table(rows, "", numbers=frozenset({0, 1}))


def _created(allocations: Allocations, style: Style, width: int) -> Iterator[str]:
    if not allocations.created:
        return
    yield ""
    yield from wrap_painted(
        style, "strong", f"Opened or started in {allocations.seconds:.1f} s, and still there", width
    )
    rows = [("COUNT", "OF", "AT")]
    rows += [(f"{each.count:,}", f"{each.kind}s", clean(at(_own(each)))) for each in allocations.created[:_ROWS]]
    yield from table(rows, "", numbers=frozenset({0}))


def _own(line: AllocationLine | Creation) -> Any:
    """The innermost place that is no standard library's."""
    own = (frame for frame in line.frames if located(frame.file)[0] not in {"standard", "frozen"})
    return next(own, line.frames[0])
