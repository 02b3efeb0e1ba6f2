"""What `kdiag gc` saw: a line for each second, a line for each collection, and the sum of it, as text or as data.

Separate from the report of a diagnosis, which has a verdict: this is an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.frames import at, located
from kdiag.core.report import memory
from kdiag.core.report.layout import clean, table, wrap, wrap_painted
from kdiag.core.report.quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kdiag.core.heap import Churn, HeapGrowth
    from kdiag.core.model import Allocator, Collection, CollectorAccount, Frame
    from kdiag.core.report.style import Style

_STEPS = ((20, "under 1 ms"), (23, "1 to 8 ms"), (27, "8 to 134 ms"), (30, "134 ms to 1.1 s"), (64, "over 1.1 s"))
_PLACES = 8
_BAR = 20  # columns
_OURS = "<kdiag>/"  # where the code of a probe that was brought in says that it is
_ROW = "{:>8}  {:>6}  {:>7}  {:>7}  {:>7}  {:>9}  {:>11}"


_COMPARED: Mapping[str, Callable[[CollectorAccount], str]] = {
    "share of the time": lambda account: f"{share(account):.0%}",
    "collections a second": lambda account: f"{sum(account.collections) / account.span_s:,.1f}",
    "of the oldest generation": lambda account: f"{account.collections[-1] / account.span_s:,.1f}",
    "longest": lambda account: quantity(account.longest_s, "s") if sum(account.collections) else "-",
    "objects freed": lambda account: f"{sum(account.collected):,}",
}


def heading(style: Style) -> str:
    """The names of the columns of `row`."""
    return style.paint("quiet", _ROW.format("TIME", "SHARE", "GEN 0", "GEN 1", "GEN 2", "LONGEST", "FREED"))


def row(account: CollectorAccount, elapsed_s: float) -> str:
    """One second or so: share of the time, collections by generation, the longest of them, objects freed."""
    counts = [f"{count:,}" for count in (*account.collections, 0, 0, 0)[:3]]
    longest = quantity(account.longest_s, "s") if sum(account.collections) else "-"
    return _ROW.format(f"{elapsed_s:.1f} s", f"{share(account):.0%}", *counts, longest, f"{sum(account.collected):,}")


def traced(collection: Collection) -> str:
    """One collection."""
    line = f"{collection.at:9.3f} s  gen {collection.generation}  {quantity(collection.seconds, 's'):>9}"
    line += f"  freed {collection.collected:,}"
    if collection.uncollectable:
        line += f", {collection.uncollectable:,} uncollectable"
    if collection.asked:
        line += ", by hand"
    if collection.frames:
        line += f"  {_where(collection.frames)}"
    return f"{line} [{clean(collection.thread)}]" if collection.thread else line


def missed(count: int) -> str:
    """That more collections came than can be shown one by one."""
    return f"          … and {count:,} more, too many to be kept one by one"


def share(account: CollectorAccount) -> float:
    """The collector's share of the time, 0 to 1."""
    return min(1.0, sum(account.seconds) / account.span_s) if account.span_s > 0 else 0.0


def render(account: CollectorAccount, style: Style, width: int) -> Iterator[str]:
    """The sum, in lines for people."""
    count = sum(account.collections)
    text = f"{share(account):.0%} of the time goes to the collector: {count:,} collections in {account.span_s:.1f} s"
    if count:
        text += f", {quantity(sum(account.seconds), 's')} in all, the longest {quantity(account.longest_s, 's')}"
    yield from wrap_painted(style, "strong", f"{text}.", width)
    yield from wrap(_settings(account), width)
    if account.timed < count:
        yield from wrap(f"{count - account.timed:,} of them were not timed: too many came at once.", width)
    if count:
        yield ""
        yield from generations(account)
    if account.pauses:
        yield ""
        yield from table([("PAUSES", "COLLECTIONS", ""), *_histogram(account.pauses)], "", numbers=frozenset({1}))
    if account.allocators:
        yield ""
        yield from _allocators(account.allocators)


def types(churn: Churn | None, growth: HeapGrowth | None, style: Style, width: int) -> Iterator[str]:
    """What it works for: the types that are created all the time, and those of which there are ever more."""
    if churn is not None and churn.types:
        yield from wrap(churn.words, width)
        yield ""
    yield from memory.types(growth, style, width)


def types_to_json(churn: Churn | None, growth: HeapGrowth | None) -> dict[str, Any]:
    """The same as data."""
    created = None if churn is None else {
        "looked": churn.looked,
        "shares": [{"type": name, "share": round(count / churn.looked, 4)} for name, count in churn.types],
    }  # fmt: skip
    return {"created": created, "growing": memory.types_to_json(growth)}


def to_json(account: CollectorAccount, *, pid: int, interrupted: bool) -> dict[str, Any]:
    """The same as data; times in seconds."""
    return {
        "pid": pid,
        "duration_s": round(account.span_s, 3),
        "interrupted": interrupted,
        "share": round(share(account), 4),
        "seconds": [round(seconds, 6) for seconds in account.seconds],
        "collections": list(account.collections),
        "collected": list(account.collected),
        "uncollectable": list(account.uncollectable),
        "longest_s": round(account.longest_s, 6),
        "timed": account.timed,
        "asked": account.asked,
        "young": {"looked": account.young[0], "freed": account.young[1]},
        "thresholds": list(account.thresholds),
        "enabled": account.enabled,
        "frozen": account.frozen,
        "pauses": [{"from_ns": 2 ** (n - 1), "to_ns": 2**n, "collections": count} for n, count in account.pauses],
        "places": [
            {
                "thread": each.thread, "collections": each.collections, "seconds": round(each.seconds, 6),
                "asked": each.asked, "frames": [_frame(frame) for frame in each.frames],
            }
            for each in _ranked(account.allocators)
        ],
    }  # fmt: skip


def compared(before: CollectorAccount, after: CollectorAccount) -> Iterator[str]:
    """Two accounts of equal length side by side: before a change, and after it."""
    rows = [("", "BEFORE", "AFTER")]
    rows += [(words, number(before), number(after)) for words, number in _COMPARED.items()]
    yield from table(rows, "", numbers=frozenset({1, 2}))


def trace_to_json(collection: Collection) -> dict[str, Any]:
    """One collection as data."""
    return {
        "at_s": round(collection.at, 6), "seconds": round(collection.seconds, 6), "generation": collection.generation,
        "collected": collection.collected, "uncollectable": collection.uncollectable, "asked": collection.asked,
        "thread": collection.thread, "frames": [_frame(frame) for frame in collection.frames],
    }  # fmt: skip


def _settings(account: CollectorAccount) -> str:
    said = f"Thresholds {', '.join(map(str, account.thresholds))}."
    if not account.enabled:
        said = "The collector is switched off (gc.disable): it runs only where somebody asks for it."
    if account.frozen:
        said += f" {account.frozen:,} objects are frozen: it passes over them."
    if account.young[0]:
        share = account.young[1] / account.young[0]
        said += f" Of the youngest objects {share:.0%} were freed; the others survived."
    if account.asked:
        said += f" At least {account.asked:,} collections were asked for by hand."
    return said


def generations(account: CollectorAccount) -> Iterator[str]:
    """A line for each generation, the youngest first."""
    rows = [("GENERATION", "COLLECTIONS", "A SECOND", "TIME", "FREED", "THRESHOLD")]
    for number, count in enumerate(account.collections):
        seconds = account.seconds[number] if number < len(account.seconds) else None
        freed = account.collected[number] if number < len(account.collected) else None
        threshold = account.thresholds[number] if number < len(account.thresholds) else None
        rows.append((
            str(number), f"{count:,}", quantity(count / account.span_s, "count") if account.span_s > 0 else "-",
            "-" if seconds is None else quantity(seconds, "s"), "-" if freed is None else f"{freed:,}",
            "-" if threshold is None else f"{threshold:,}",
        ))  # fmt: skip
    yield from table(rows, "", numbers=frozenset(range(1, 6)))


def _histogram(pauses: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, str, str]]:
    """How many collections took how long, in a few steps."""
    lows = (0, *(high for high, _ in _STEPS))
    steps = [
        (words, sum(number for n, number in pauses if low < n <= high))
        for low, (high, words) in zip(lows, _STEPS, strict=False)
    ]
    most = max(count for _, count in steps) or 1
    for words, count in steps:
        if count:
            yield words, f"{count:,}", "█" * max(1, round(_BAR * count / most))


def _allocators(allocators: Sequence[Allocator]) -> Iterator[str]:
    total = sum(each.seconds for each in allocators) or 1.0
    rows = [("SHARE", "COLLECTIONS", "STARTED AT", "THREAD")]
    for each in _ranked(allocators)[:_PLACES]:
        by_hand = " (by hand)" if each.asked else ""
        where = _where(each.frames) + by_hand
        rows.append((f"{each.seconds / total:.0%}", f"{each.collections:,}", where, clean(each.thread) or "-"))
    yield from table(rows, "", numbers=frozenset({0, 1}))


def _ranked(allocators: Sequence[Allocator]) -> list[Allocator]:
    return sorted(allocators, key=lambda each: each.seconds, reverse=True)


def _where(frames: Sequence[Frame]) -> str:
    """The innermost place that is no standard library's; what our own code in the process allocates is ours."""
    if frames[0].file.startswith(_OURS):
        return "kdiag's own probe"
    frame = next((each for each in frames if located(each.file)[0] not in {"standard", "frozen"}), frames[0])
    return f"{clean(at(frame))} {clean(frame.function)}"


def _frame(frame: Frame) -> dict[str, Any]:
    return {"file": frame.file, "line": frame.line, "function": frame.function}
