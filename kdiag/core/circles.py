"""A circle of threads and tasks that wait for each other, as words and as places: each edge with both of its sides.

Separate from `owners`, which finds it, and from the detector: `kdiag locks` names the same circles in one look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.frames import Tier, at
from kdiag.core.model import Place, ProbedTask
from kdiag.core.owners import HELD, LastingWait, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.frames import Ownership
    from kdiag.core.model import Frame


def places_of(ring: Sequence[Step], ownership: Ownership) -> Iterator[Place]:
    """Of each edge where one waits, and where the next holds what it waits for, or is in while it should bring it."""
    for (each, edge), (owner, _) in zip(ring, [*ring[1:], ring[0]], strict=True):
        yield ownership.place(waits_at(each, ownership), each.name, "waits", edge.what)
        holds = edge.held_at or ownership.culprit(owner.who.frames) or owner.frame
        role = "holds" if edge.kind in HELD else "works" if edge.queued else "runs"
        yield ownership.place(holds, owner.name, role, edge.what)


def waits_at(each: LastingWait, ownership: Ownership) -> Frame:
    """The line that waits, or that calls what waits in the standard library."""
    outwards = each.who.frames[each.depth :]
    return next((frame for frame in outwards if ownership.tier(frame) >= Tier.LIBRARY), each.frame)


def title_of(ring: Sequence[Step], places: Sequence[Place]) -> str:
    """Each edge of the circle in one sentence."""
    waits = [place for place in places if place.role == "waits"]
    if len(ring) > 1:
        edges = "; ".join(f"'{place.thread}' waits for {place.object} at {at(place)}" for place in waits)
        return f"{count([each for each, _ in ring])} wait for each other in a circle: {edges}"
    first, edge = ring[0]
    kind = "Task" if isinstance(first.who, ProbedTask) else "Thread"
    end = "which it holds itself" if edge.kind in HELD else "which only it can bring"
    return f"{kind} '{first.who.name}' waits at {at(waits[0])} for {edge.what}, {end}"


def summary_of(ring: Sequence[Step], others: Sequence[LastingWait], span_s: float) -> str:
    """How long it has lasted, who waits behind it, and what is less than certain."""
    end = "ever will"
    if any(edge.limited for _, edge in ring):
        end = "will, until the time is over that one of them has set itself"
    elif any(isinstance(each.who, ProbedTask) for each, _ in ring) and all(edge.kind != "loop" for _, edge in ring):
        end = "will, unless it is cancelled"
    said = f"None of them ran at all for at least {span_s:.1f} s, and none of them {end}."
    if others:
        said += f" {count(others)} more wait{'s' if len(others) == 1 else ''} behind them."
    unsure = dict.fromkeys(edge.what for _, edge in ring if not edge.sure)
    if unsure:
        said += (
            f" That {', '.join(unsure)} is still held is what the code says: it was taken by a call, not by a `with`."
        )
    return said


def kinds_of(several: Sequence[LastingWait]) -> Iterator[tuple[str, int]]:
    """How many threads and how many tasks there are, where there are any."""
    tasks = sum(isinstance(each.who, ProbedTask) for each in several)
    yield from ((kind, number) for kind, number in (("thread", len(several) - tasks), ("task", tasks)) if number)


def count(several: Sequence[LastingWait]) -> str:
    """How many threads and tasks: "2 threads and 1 task"."""
    return " and ".join(f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in kinds_of(several))
