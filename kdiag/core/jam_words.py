"""Words for a pool that stands still: who is to blame, and what is told of it.

Separate from `jams`, which finds them, and from the detector, which weighs them against pools of threads.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from kdiag.core.frames import Ownership, at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.jams import Jam
    from kdiag.core.model import Frame, Place
    from kdiag.core.threads import Track

_PLACES = 5


class Blamed(NamedTuple):
    """The line to blame. `how` says what is with it: "held", "kept", "run" or "wanted".

    Attributes:
        number: how many of what is lent, or of the threads, it is about.
        keeper: what keeps things, where that is it.
    """

    how: str
    frame: Frame | None
    number: int
    thread: str | None = None
    keeper: str = ""


def blamed(jam: Jam, ownership: Ownership) -> Blamed:
    """What keeps most of what is lent, or where most threads have it; what workers run; or else where threads wait."""
    held = _line(jam, "holds", jam.holding, ownership)
    if jam.pool is not None and jam.pool.leaks:
        keeper = max(jam.pool.leaks, key=lambda each: each.count)
        if held is None or keeper.count > held.number:
            return Blamed("kept", keeper.filled_at, keeper.count, keeper=keeper.name)
    if held is not None:
        return held
    if jam.pool is not None and jam.pool.runs:
        frame, count = Counter(jam.pool.runs).most_common(1)[0]
        return Blamed("run", frame, count)
    wanted = _line(jam, "waits", jam.waiting, ownership)
    return wanted._replace(how="wanted") if wanted is not None else Blamed("wanted", None, 0)


def _line(jam: Jam, role: str, threads: Sequence[Track], ownership: Ownership) -> Blamed | None:
    """Where most of these threads, and of the tasks that do this, stand in the user's code."""
    names: dict[Frame, str | None] = {}
    stand: Counter[Frame] = Counter()
    tasks = ((None, count, frames) for each, count, frames in (jam.pool.tasks if jam.pool else ()) if each == role)
    for name, count, frames in (*((track.name, 1, track.frames) for track in threads), *tasks):
        frame = ownership.culprit(frames)
        if frame is not None:
            stand[frame] += count
            names.setdefault(frame, name)
    if not stand:
        return None
    frame, count = stand.most_common(1)[0]
    return Blamed("held", frame, count, names[frame])


def title(jam: Jam, ownership: Ownership, *, whole: bool) -> str:
    """One line: the pool, its size, where what it has is, for how long, and how many wait."""
    blame = blamed(jam, ownership)
    time = f"for the whole {jam.span_s:.1f} s" if whole else f"for the last {jam.span_s:.1f} s"
    where = f" at {at(blame.frame)}" if blame.frame is not None else ""
    if jam.pool is None:
        who = f"{jam.queued} threads have" if jam.queued > 1 else "A thread has"
        return f"{who} waited{where} {time} for a connection of {jam.called()}: exhaustion is suspected"
    if not jam.pool.lends:
        doing = f"been in {blame.frame.function}{where}" if blame.how == "run" and blame.frame else "ended no task"
        more = "1 more task stands" if jam.queued == 1 else f"{jam.queued} more tasks stand"
        asked = f", waited for{where}" if blame.how == "wanted" and where else ""
        return f"{_all(jam, 'worker')} of {jam.called()} {_have(jam)} {doing} {time} while {more} in its queue{asked}"
    more = "1 more waits" if jam.queued == 1 else f"{jam.queued} more wait"
    what = f"{_all(jam, jam.pool.lends)} of {jam.called()} {_have(jam)}"
    if jam.refuses:
        return f"{what} been held{where} {time} while {jam.queued} more {'was' if jam.queued == 1 else 'were'} refused"
    if blame.how == "held":
        return f"{what} been held{where} {time} while {more} for one"
    if blame.how == "kept":
        kept = f"{blame.number} of them kept in {blame.keeper}{where}"
        return f"{what} been out {time}, {kept}, while {more} for one: a leak"
    return f"{what} been out {time} while {more} for one{where}"


def _all(jam: Jam, what: str) -> str:
    if jam.size is None:
        return f"All {what}s"
    return f"All {jam.size} {what}s" if jam.size > 1 else f"The only {what}"


def _have(jam: Jam) -> str:
    return "has" if jam.size == 1 else "have"


def summary(jam: Jam, also: Sequence[str]) -> str:
    """What the title leaves open."""
    said = []
    if jam.pool is None:
        said.append("A thread waits there only while all connections are lent; who has them is not seen from outside.")
    elif jam.refuses:
        said.append("None came free meanwhile; all other requests are answered with 503.")
    elif jam.pool.lends:
        said.append("None came back meanwhile, so whoever asks for one waits until its own time limit.")
        said += _unknown(jam)
    else:
        said.append("No task ended meanwhile. What its workers do is seen in their processes, not in this one.")
    if jam.nested:
        said.append("Each thread that waits for one has one already: they wait for each other.")
    if jam.pool is not None and jam.pool.waited_s is not None and jam.pool.waited_s > jam.span_s + 1:
        said.append(f"The one that waits longest has done so for {jam.pool.waited_s:.1f} s.")
    return " ".join([*said, *also])


def _unknown(jam: Jam) -> list[str]:
    """What nobody was seen to have."""
    pool = jam.pool
    if pool is None or pool.leaks is None:
        return []
    known = sum(keeper.count for keeper in pool.leaks) + len(pool.holding)
    known += sum(count for role, count, _ in pool.tasks if role == "holds")
    lost = (pool.taken or 0) - known
    if lost <= 0:
        return []
    search = "the service's own modules do not lead to" if pool.searched else "a short search did not find"
    return [f"No running function or task has {lost} of them, and {search} {'it' if lost == 1 else 'them'}."]


def places(jam: Jam, ownership: Ownership) -> tuple[Place, ...]:
    """The other lines that have what is lent, and those that wait."""
    blame = blamed(jam, ownership)
    found: dict[tuple[Frame, str], Place] = {}
    for threads, role in ((jam.holding, "holds"), (jam.waiting, "waits")):
        for track in threads:
            frame = ownership.culprit(track.frames)
            if frame is not None and frame != blame.frame and len(found) < _PLACES:
                found.setdefault((frame, role), ownership.place(frame, track.name, role))
    return tuple(found.values())
