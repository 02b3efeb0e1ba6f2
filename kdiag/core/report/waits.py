"""What `kdiag locks` shows: what is waited for, who holds it and since which line, who waits, and the circles.

Separate from the report of a diagnosis: a short look proves no deadlock, it only shows what stands still.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kdiag.core.circles import places_of, title_of
from kdiag.core.frames import Ownership
from kdiag.core.model import Place, ProbedTask, ProbedThread, Window
from kdiag.core.owners import HELD, LastingWait, circles, key_of, lasting_waits, what_of
from kdiag.core.report.layout import clean, join_or_break, wrap
from kdiag.core.report.stacks import place
from kdiag.core.wait_graph import STILL_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kdiag.core.model import Frame, LineFacts, ProbedWait, ProbeSample, Target, WaitsSample
    from kdiag.core.owners import Key, Step
    from kdiag.core.report.style import Style

_TOLD = HELD | {"thread", "task", "tasks"}  # these somebody has to end
_NAMES = 8

Party = ProbedThread | ProbedTask


class Waits:
    """Who waits for whom in the last of some looks, and what has not changed since the first."""

    def __init__(
        self,
        target: Target,
        samples: Sequence[WaitsSample] | Sequence[ProbeSample],
        lines: Mapping[tuple[str, int], LineFacts],
    ) -> None:
        self.pid = target.pid
        self.samples = samples
        self.span_s = samples[-1].at - samples[0].at
        self.ownership = Ownership.of(Window(target, samples[0].at, samples[-1].at, lines=lines))
        self.names: dict[Key, str] = {key_of(who): name_of(who) for who in samples[-1].parties()}
        self._still = lasting_waits(samples, 0.0, 1)

    @property
    def told(self) -> list[Party]:
        """Those that wait for somebody, or for what somebody holds."""
        return [who for who in self.samples[-1].parties() if who.wait and _is_told(who.wait)]

    @property
    def untold(self) -> int:
        """How many wait for what nobody holds: for work, for events, for a time."""
        return sum(1 for who in self.samples[-1].parties() if who.wait and not _is_told(who.wait))

    def circles(self) -> Iterator[tuple[Sequence[Step], Sequence[Place], str]]:
        """The circles of those that stood still, for long or at every look, each with its places and its title."""
        for ring in self.rings():
            places = tuple(places_of(ring, self.ownership))
            yield ring, places, title_of(ring, places)

    def rings(self) -> Iterator[Sequence[Step]]:
        """The same without words."""
        enough_s = min(self.span_s, STILL_S)
        yield from circles({key: each for key, each in self._still.items() if each.span_s >= enough_s})

    def circles_json(self) -> list[dict[str, Any]]:
        """The circles as data."""
        return [
            {"title": title, "places": [_place_json(each) for each in places]} for _, places, title in self.circles()
        ]

    def still_s(self, who: Party) -> float | None:
        """For how long it has been seen to wait; None where it was not followed."""
        each: LastingWait | None = self._still.get(key_of(who))
        return each.span_s if each is not None and self.span_s else None

    def frame(self, who: Party) -> Frame | None:
        """The line that waits."""
        depth = who.wait.depth if who.wait else 0
        return self.ownership.own(who.frames[depth:]) or (who.frames[depth] if depth < len(who.frames) else None)

    def ends(self, wait: ProbedWait) -> list[Key]:
        """Those who can end a wait, as far as they are known."""
        keys: list[Key] = [("thread", wait.owner)] if wait.owner else []
        keys += [("thread", ident) for ident in wait.workers]
        keys += [("task", task) for task in wait.tasks]
        keys += [(kind, each) for each in wait.holders for kind in ("thread", "task") if (kind, each) in self.names]
        return keys

    def enders(self, wait: ProbedWait) -> list[str]:
        """Their names."""
        return [self.names.get(key, f"another {key[0]}") for key in self.ends(wait)]


def name_of(who: Party) -> str:
    """How people know a thread or a task."""
    return (who.name or f"thread {who.ident}") if isinstance(who, ProbedThread) else f"task {who.name}"


def _is_told(wait: ProbedWait) -> bool:
    return wait.kind in _TOLD or bool(wait.owner or wait.workers or wait.tasks)


def render(waits: Waits, style: Style, width: int) -> Iterator[str]:
    """Lines for people."""
    yield from wrap(summary(waits), width)
    yield from circle_lines(waits, style, width)
    for group in _groups(waits.told):
        yield ""
        yield from _group(group, waits, style, width)


def summary(waits: Waits) -> str:
    """How many wait."""
    looks = f"{len(waits.samples)} looks over {waits.span_s:.1f} s" if waits.span_s else "One look"
    said = f"{looks}: {_count(len(waits.told))} for somebody, or for what somebody holds"
    if waits.untold:
        said += f"; {_count(waits.untold)} for work, for events or for a time"
    return f"{said}."


def circle_lines(waits: Waits, style: Style, width: int) -> Iterator[str]:
    """The circles, each after an empty line."""
    for ring, places, title in waits.circles():
        yield ""
        yield from _circle(min(each.span_s for each, _ in ring), places, title, waits, style, width)


def _circle(
    span_s: float, places: Sequence[Place], title: str, waits: Waits, style: Style, width: int
) -> Iterator[str]:
    for number, line in enumerate(wrap(f"CIRCLE {title}", width, "", "  ")):
        yield style.paint("critical", line[:6]) + style.paint("strong", line[6:]) if number == 0 else line
    for each in places:
        thread = f"[{each.thread}]"
        yield from join_or_break((f"{each.role}:", place(each.file, each.line), each.function, thread), width, "  ")
    seen = f"Nobody in it moved for {span_s:.1f} s" if span_s else "It was seen once"
    yield from wrap(f"{seen}. It is proven after 3 s: kdiag diagnose {waits.pid}", width, "  ")


def _groups(told: Sequence[Party]) -> list[list[Party]]:
    """Those that wait for the same together, most first."""
    found: dict[tuple[str, int], list[Party]] = defaultdict(list)
    for who in told:
        assert who.wait  # noqa: S101 - all of these wait
        found[who.wait.kind, who.wait.lock].append(who)
    return sorted(found.values(), key=len, reverse=True)


def _group(group: Sequence[Party], waits: Waits, style: Style, width: int) -> Iterator[str]:
    wait = next((who.wait for who in group if who.wait and who.wait.name), group[0].wait)
    assert wait  # noqa: S101 - all of these wait
    yield from (style.paint("strong", line) for line in wrap(head_of(wait, waits), width, "", "  "))
    if (taken := wait.held_at) is not None:
        yield from join_or_break(("taken at", place(taken.file, taken.line), taken.function), width, "  ")
    by_place: dict[tuple[Frame | None, str], list[str]] = defaultdict(list)
    for who in group:
        still_s = waits.still_s(who)
        by_place[waits.frame(who), f", for {still_s:.1f} s or longer" if still_s else ""].append(name_of(who))
    for (frame, since), names in by_place.items():
        verb = "waits" if len(names) == 1 else "wait"
        yield from wrap(f"{len(names)} {verb}: {_listed(names)}{since}", width, "  ", "    ")
        if frame is not None:
            yield from join_or_break((place(frame.file, frame.line), frame.function), width, "    ")


def thing_of(wait: ProbedWait) -> str:
    """What is waited for: "lock shop.stock", "the result x"."""
    kind = "" if wait.kind in {"thread", "task", "tasks", "future"} else ("lock" if wait.kind == "rlock" else wait.kind)
    return f"{kind} {wait.name}" if kind and wait.name else what_of(wait)


def head_of(wait: ProbedWait, waits: Waits) -> str:
    """What is waited for and who can end that: "lock shop.stock, held by returns"."""
    what = thing_of(wait)
    enders = waits.enders(wait)
    if wait.kind in HELD:
        if not enders:
            return f"{what}: who holds it is not known"
        more = " and perhaps others" if wait.holders else ""
        return f"{what}, {'' if wait.sure else 'most likely '}held by {_listed(enders)}{more}"
    if wait.workers:
        return f"{what}, which stands in the queue of {_listed(enders)}"
    if wait.kind == "future":
        return f"{what}, which {_listed(enders)} has to bring"
    return f"{what}: {_listed(enders)}" if enders else what


def _listed(names: Sequence[str]) -> str:
    hidden = len(names) - _NAMES
    return ", ".join(clean(name) for name in names[:_NAMES]) + (f" and {hidden} more" if hidden > 0 else "")


def _count(number: int) -> str:
    return "1 waits" if number == 1 else f"{number} wait"


def to_json(waits: Waits) -> dict[str, Any]:
    """The same as data."""
    return {
        "schema": "kdiag.locks/v1",
        "looks": len(waits.samples),
        "span_s": round(waits.span_s, 3),
        "waits": [wait_json(who, waits) for who in waits.told],
        "circles": waits.circles_json(),
        "others": waits.untold,
    }


def wait_json(who: Party, waits: Waits) -> dict[str, Any]:
    """One wait as data; nulls are what is not known."""
    wait, still_s = who.wait, waits.still_s(who)
    assert wait  # noqa: S101 - it is asked of those that wait
    frame = waits.frame(who)
    return {
        "thread": who.name if isinstance(who, ProbedThread) else None,
        "task": who.name if isinstance(who, ProbedTask) else None,
        "kind": wait.kind,
        "name": wait.name or None,
        "at": frame_json(frame) if frame else None,
        "ended_by": waits.enders(wait),
        "sure": wait.sure,
        "held_at": frame_json(wait.held_at) if wait.held_at else None,
        "still_s": round(still_s, 3) if still_s is not None else None,
    }


def frame_json(frame: Frame) -> dict[str, Any]:
    """A frame as data."""
    return {"file": frame.file, "line": frame.line, "function": frame.function}


def _place_json(each: Place) -> dict[str, Any]:
    return {
        "role": each.role, "file": each.file, "line": each.line, "function": each.function, "who": each.thread,
        "object": each.object,
    }  # fmt: skip
