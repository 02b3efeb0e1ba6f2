"""Who waits for whom, drawn: the circles first and closed visibly, then who waits below whom they wait for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from kdiag.core.frames import at
from kdiag.core.model import ProbeSample, StackSample
from kdiag.core.report.chains import Chains, Need, Party, Ring, by_probe, from_outside
from kdiag.core.report.layout import join_or_break, wrap
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import place
from kdiag.core.report.waits import Waits, summary
from kdiag.tui.present.text import Page, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from rich.text import Text

    from kdiag.core.model import Frame, Window
    from kdiag.core.owners import Key
    from kdiag.core.report.style import Role
    from kdiag.engine.live import Picture

_DEEPEST = 12  # links of a chain that are drawn
_NAMES = 4
_LASTING_S = 1.0  # waits that are shorter come and go
_NEARLY = 0.9  # of all threads: some come and go between two looks
_LEAST_LOOKS = 10  # the last ones: enough to tell what stands still, and
_MOST_THREADS = 40_000  # seen in all of them, or else thousands of threads would be dear
_Look = TypeVar("_Look", ProbeSample, StackSample)
_SEEN = "From outside a lock shows by the source line that takes it; tasks do not show at all."


def locks_page(picture: Picture, width: int, opened: frozenset[Hashable]) -> Page:
    """The drawing; of the parties in `opened` all their frames."""
    page = Page()
    window = picture.window
    if picture.inside and window.probe:
        waits = Waits(window.target, _latest(window.probe), window.lines)
        page.add(painted((None, line)) for line in wrap(f"{summary(waits)}{_unseen(window)}", width))
        if not _draw(by_probe(waits, window.stacks[-1] if window.stacks else None), page, width, opened):
            page.add([painted(("good", "✔ "), (None, "Nobody waits for a lock, for a result or for an end."))])
    elif window.stacks:
        page.add(needs_probe(picture, _SEEN, width))
        if not _draw(from_outside(replace(window, stacks=_latest(window.stacks))), page, width, opened):
            page.add([painted((None, "No thread is seen to wait for a lock."))])
    else:
        page.add(needs_probe(picture, "Who waits for whom is seen by stacks, or from inside.", width))
    return page


def _unseen(window: Window) -> str:
    """That the probe had no time for all threads."""
    looked, in_all = len(window.probe[-1].threads), len(window.stacks[-1].threads) if window.stacks else 0
    return f" The probe looked at {looked:,} of {in_all:,} threads." if looked < _NEARLY * in_all else ""


def _latest(samples: tuple[_Look, ...]) -> tuple[_Look, ...]:
    """As many of the last looks as are cheap."""
    return samples[-max(_LEAST_LOOKS, _MOST_THREADS // max(1, len(samples[-1].threads))) :]


def _draw(chains: Chains, page: Page, width: int, opened: frozenset[Hashable]) -> bool:
    """Draw all; whether there was anything to draw."""
    drawing = _Drawing(chains, page, width, opened)
    for ring in chains.rings:
        drawing.gap()
        drawing.ring(ring)
    roots = [key for key in chains.ended_by if key not in drawing.told and not _waits(chains, key)]
    roots.sort(key=lambda key: (not _holds(chains, key), -len(chains.behind(key))))
    for key in roots:
        drawing.gap()
        drawing.root(key)
    for need in sorted(chains.open_needs, key=lambda need: not need.held):
        drawing.gap()
        drawing.open_need(need)
    rest = [key for key in chains.ended_by if key not in drawing.told]  # a circle that has not stood still for long
    for key in rest:
        if key not in drawing.told:
            drawing.gap()
            drawing.root(key)
    drawing.gap()
    return bool(chains.rings or roots or rest or chains.open_needs)


def _waits(chains: Chains, key: Key) -> bool:
    return key in chains.parties and chains.parties[key].need is not None


def _holds(chains: Chains, key: Key) -> bool:
    return any(need.held for need in chains.ended_by[key])


class _Drawing:
    """Adds to a page; each party is told once, later only that it stands above."""

    def __init__(self, chains: Chains, page: Page, width: int, opened: frozenset[Hashable]) -> None:
        self.chains = chains
        self.told: set[Key] = set()
        self._ringed: set[Key] = set()
        self._page = page
        self._width = width
        self._opened = opened

    def gap(self) -> None:
        """An empty line, where none is."""
        if self._page.lines and self._page.lines[-1].plain:
            self._page.add([painted()])

    def ring(self, ring: Ring) -> None:
        """A circle, closed at its end, and who waits behind it."""
        count = len(ring.links)
        who = f"{count} wait for each other" if count > 1 else "one waits for what it holds itself"
        seen = f"; nobody in it moved for {quantity(round(ring.span_s, 1), 's')}" if ring.span_s else ""
        self._page.add([painted(("critical", f"↺ CIRCLE {who}"), (None, seen))])
        for number, (party, need) in enumerate(ring.links):
            self.told.add(party.key)
            start = "╭─▶ " if number == 0 else "│   "
            self._party([party], start, "│   ")
            self._page.add(self._spread("│     ↓ ", f"waits for {need.what}{_taken(need)}", "│       "), party.key)
        self._ringed |= {party.key for party, _ in ring.links}
        first = ring.links[0][0]
        self._page.add([painted(("critical", "╰─↺ "), ("strong", first.name), (None, "  closes the circle"))])
        for party, _ in ring.links:
            behind = [need for need in self.chains.ended_by.get(party.key, ()) if self._outside(need)]
            if behind:
                self._page.add([painted(("strong", party.name), (None, " lets others wait behind the circle"))])
                self._ended(behind, "", 1)

    def root(self, key: Key) -> None:
        """One that waits for nobody, and everybody who waits for it."""
        self.told.add(key)
        party = self.chains.parties.get(key)
        if party is not None:
            self._party([party], "", "  ")
        else:
            self._page.add([painted(("strong", f"another {key[0]}"))])
        self._ended(self.chains.ended_by[key], "", 1)

    def open_need(self, need: Need) -> None:
        """Something that nobody alone can end, and who waits for it."""
        self._page.add(painted(("strong", line)) for line in wrap(need.head, self._width, "", "  "))
        self._waiters(need, "", 1)

    def _outside(self, need: Need) -> bool:
        return any(party.key not in self.told for party in self.chains.waiters[need.thing])

    def _ended(self, needs: Sequence[Need], prefix: str, depth: int) -> None:
        """What a party can end, and who waits for each of these."""
        for number, need in enumerate(needs):
            last = number == len(needs) - 1
            left = sum(1 for party in self.chains.waiters[need.thing] if party.key not in self.told)
            count = f"; {left:,} {'waits' if left == 1 else 'wait'}" if left else ""
            hanging = prefix + ("   " if last else "│  ")
            self._page.add(self._spread(prefix + ("╰─ " if last else "├─ "), f"{_hold(need)}{count}", hanging))
            self._waiters(need, hanging, depth)

    def _waiters(self, need: Need, prefix: str, depth: int) -> None:
        alike: dict[Hashable, list[Party]] = defaultdict(list)
        waiters = [party for party in self.chains.waiters[need.thing] if party.key not in self._ringed]
        for party in sorted(waiters, key=lambda party: (len(party.name), party.name)):
            alone = party.key in self.told or bool(self.chains.ended_by.get(party.key))
            alike[party.key if alone else party.frames].append(party)
        for number, group in enumerate(alike.values()):
            last = number == len(alike) - 1
            start, hanging = prefix + ("╰◀ " if last else "├◀ "), prefix + ("   " if last else "│  ")
            first = group[0]
            if first.key in self.told:
                self._page.add([painted(("quiet", start), (None, f"{first.name}  ↺ see above"))], first.key)
                continue
            self.told.update(party.key for party in group)
            self._party(group, start, hanging)
            if depth < _DEEPEST:
                self._ended(self.chains.ended_by.get(first.key, ()), hanging, depth + 1)
            elif behind := self.chains.behind(first.key) - self.told:
                self.told |= behind
                self._page.add([painted(("quiet", f"{hanging}… and {len(behind):,} more behind it"))])

    def _party(self, group: Sequence[Party], start: str, hanging: str) -> None:
        """Who it is, where, and since when; all frames where they are wanted."""
        first = group[0]
        more = f" and {len(group) - _NAMES:,} more" if len(group) > _NAMES else ""
        names = ", ".join(party.name for party in group[:_NAMES]) + more
        where = f"{at(first.at)} {first.at.function}" if first.at else ""
        still_s = min(party.still_s for party in group)
        since = f"  ≥ {quantity(round(still_s, 1), 's')}" if still_s >= _LASTING_S else ""
        role: Role = "quiet"
        line = painted((role, start), ("strong", names), (None, f"  {where}"), (role, since))
        lines = [line]
        if line.cell_len > self._width:
            lines = [painted((role, start), ("strong", names))]
            lines.append(painted((role, hanging), (None, f"  {where}"), (role, since)))
        if first.key in self._opened:
            lines += _frames(first.frames, self._width, f"{hanging}    ")
        self._page.add(lines, first.key)

    def _spread(self, start: str, line: str, hanging: str) -> Iterator[Text]:
        return (painted((None, each)) for each in wrap(line, self._width, start, hanging))


def _frames(frames: Sequence[Frame], width: int, indent: str) -> Iterator[Text]:
    for frame in frames:
        for line in join_or_break((place(frame.file, frame.line), frame.function), width, indent):
            yield painted(("quiet", line))


def _hold(need: Need) -> str:
    """What the party above it has to do with it."""
    if need.held:
        since = f", taken at {at(need.held_at)}" if need.held_at else ""
        return f"{'holds' if need.sure else 'most likely holds'} {need.what}{since}"
    return f"has to bring {need.what}" if need.kind == "future" else f"others wait for {need.what}"


def _taken(need: Need) -> str:
    """The same of a link in a circle: how the next one has it."""
    if not need.held:
        return ""
    sure = "held" if need.sure else "most likely held"
    return f", {sure} since {at(need.held_at)} by" if need.held_at else f", {sure} by"
