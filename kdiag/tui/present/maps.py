"""The containers of a picture that are watched or fought over: who writes to them, and both sides of each conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kdiag.core.maps import conflicts
from kdiag.core.report.guard import KINDS, LIMITS, conflict_lines, gravest
from kdiag.core.report.layout import wrap
from kdiag.tui.present.headline import MARKS
from kdiag.tui.present.listing import Listing
from kdiag.tui.present.table import Cell, Row, Rows, fitted
from kdiag.tui.present.text import STYLE, from_report, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from kdiag.core.model import MapAccount, MapConflict, SuspectMap, WatchedMap
    from kdiag.engine.live import Picture

_WHY = "Containers that change while somebody uses them are seen from inside only."
_NONE = "No container is watched, and none was fought over in this time."


class Container(NamedTuple):
    """What is known of one container; `path` is what to guard it by."""

    key: object
    name: str
    type: str
    watched: WatchedMap | None = None
    suspect: SuspectMap | None = None
    conflicts: Sequence[MapConflict] = ()

    @property
    def path(self) -> str:
        """What to guard it by, where it is not watched yet."""
        return self.suspect.path if self.suspect else ""


def containers(picture: Picture, width: int, wanted: str) -> Listing:
    """What the view shows; the key of each row is its `Container`'s."""
    probe = picture.window.probe
    if not probe:
        return Listing(painted(("quiet", "No container was seen.")), Rows(), lambda *_: [],
                       needs_probe(picture, _WHY, width))  # fmt: skip
    account = probe[-1].maps
    found = _containers(account, [each for each in conflicts(picture.window) if each.count])
    shown = {each.key: each for each in found if wanted.casefold() in f"{each.name} {each.type}".casefold()}
    columns = fitted(
        width, ("", 1, 0), ("NAME", 18, 3), ("TYPE", 8, 1), ("WRITES", -7, 0), ("CONFLICTS", 16, 4), ("WRITERS", 10, 2)
    )

    def below(row: Row, columns: int) -> list[Text]:
        return _told(shown[row.key], columns)

    limits = [painted(("quiet", line)) for limit in account.limits for line in wrap(LIMITS.get(limit, limit), width)]
    nothing = [painted((None, line)) for line in wrap(_missing(picture.scanned, wanted), width)]
    rows = Rows(columns, [_row(each) for each in shown.values()])
    return Listing(_summary(account, found, picture.scanned, wanted), rows, below, [*nothing, *limits])


def _containers(account: MapAccount, fought: Sequence[MapConflict]) -> list[Container]:
    """Those with the gravest conflicts first, then those that are watched, then the suspects."""
    watched = {each.number: each for each in account.watched}
    by_container: dict[int, list[MapConflict]] = {}
    for conflict in gravest(fought):
        by_container.setdefault(conflict.container, []).append(conflict)
    found = [
        Container(number, each[0].name, each[0].type, watched.get(number), conflicts=each)
        for number, each in by_container.items()
    ]
    found += [
        Container(number, each.name, each.type, each) for number, each in watched.items() if number not in by_container
    ]
    suspects = sorted(account.suspects, key=lambda each: (each.locked, -each.writes))
    return found + [Container(each.path, each.path or each.name, each.type, suspect=each) for each in suspects]


def _summary(account: MapAccount, found: Sequence[Container], scanned: int, wanted: str) -> Text:
    count = sum(conflict.count for each in found for conflict in each.conflicts)
    parts = [("strong", f"{len(account.watched)} watched"), (None, f", {count:,} conflict{'' if count == 1 else 's'}")]
    if account.suspects or scanned:
        of = f" of {scanned:,} that are looked at" if scanned else ""
        parts.append((None, f", {len(account.suspects)} more{of} that several threads write to"))
    if wanted:
        parts.append(("info", f"; with “{wanted}”"))
    return painted(*parts)  # type: ignore[arg-type]


def _missing(scanned: int, wanted: str) -> str:
    if wanted:
        return f"No container's name or type holds “{wanted}”; escape shows all again."
    if scanned:
        return f"Several threads have written to none of {scanned:,} dicts yet. Press s to look at them no longer."
    return f"{_NONE} Press i to have one watched by its name, such as shop.metrics:REGISTRY, or s to search all."


def _row(each: Container) -> Row:
    mark: Cell = ""
    told: Cell = ("quiet", "none")
    if each.conflicts:
        words, role = KINDS[each.conflicts[0].kind]
        mark, told = (role, MARKS[role]), (role, f"{each.conflicts[0].count} × {words}")
    elif each.suspect:
        told = "a lock in common" if each.suspect.locked else ("warning", "no lock in common")
    writers = each.watched.threads if each.watched else each.suspect.writers if each.suspect else ()
    return Row(each.key, (mark, each.name or "(unnamed)", each.type, _writes(each), told, ", ".join(writers)))


def _writes(each: Container) -> Cell:
    if each.watched and each.watched.how == "watcher":
        return str(each.watched.writes)
    return str(each.suspect.writes) if each.suspect else ("quiet", "–")


def _told(each: Container, width: int) -> list[Text]:
    """Both sides of each conflict; without one, how it is watched or how to watch it."""
    lines = [line for conflict in each.conflicts for line in conflict_lines(conflict, STYLE, width)]
    if lines:
        return from_report(lines)
    if each.suspect:
        told = f"{', '.join(each.suspect.writers)} write to it. Press i to have it watched closely."
    elif each.watched and each.watched.how == "watcher":
        told = "Each write to it is seen; it was never changed while a thread walked through it in this time."
    else:
        told = "The threads' stacks are searched for code that writes to it; none was found while a thread walked it."
    return [painted((None, line)) for line in wrap(told, width)]
