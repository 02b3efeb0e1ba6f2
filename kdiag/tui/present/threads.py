"""The threads of a picture as a table: alike ones in one row, or one row each, those of findings first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from kdiag.core.frames import Ownership, at
from kdiag.core.model import SEVERITIES, ProbedThread, StackGroup, StackSample, ThreadSample
from kdiag.core.report.layout import wrap
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import group_lines, grouped, name
from kdiag.core.threads import completed, cpu_shares, whole_look
from kdiag.tui.present.finding import excerpt
from kdiag.tui.present.headline import MARKS, ROLES
from kdiag.tui.present.listing import Listing
from kdiag.tui.present.table import Cell, Column, Row, Rows, fitted
from kdiag.tui.present.text import STYLE, from_report, painted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

    from kdiag.core.model import Finding, Frame
    from kdiag.engine.live import Picture
    from kdiag.tui.present.finding import Source

Order = Literal["cpu", "name", "state"]
ORDERS: tuple[Order, ...] = ("cpu", "name", "state")
_ORDERED: Mapping[Order, str] = {"cpu": "most CPU first", "name": "by name", "state": "by state"}
_LEAST = 0.0005  # of a CPU: what reads 0.1 %
_WIDE = 110  # columns, from which on the names of a group's threads are told


@dataclass(frozen=True)
class Options:
    """How they are to be shown. `followed` is the ident of the thread that stays chosen."""

    grouped: bool = True
    order: Order = "cpu"
    filter: str = ""
    followed: int | None = None


@dataclass
class Grouping:
    """The groups of the last look: they take long to find, and many pictures show the same look.

    It belongs to the one thread that prepares.
    """

    _of: tuple[StackSample | None, Sequence[ProbedThread]] = (None, ())
    _found: Sequence[tuple[StackGroup, Sequence[ThreadSample]]] = ()

    def of(
        self, looked: StackSample, probed: Sequence[ProbedThread]
    ) -> Sequence[tuple[StackGroup, Sequence[ThreadSample]]]:
        """The groups of a look, with what the probe knew of its threads."""
        if self._of[0] is not looked or self._of[1] is not probed:
            waits = {thread.ident: thread.wait for thread in probed if thread.wait is not None}
            self._found = grouped(completed(looked, probed), waits)
            self._of = looked, probed
        return self._found


class _Group(NamedTuple):
    """One group, with all that its rows tell."""

    group: StackGroup
    threads: Sequence[ThreadSample]
    where: str
    mark: Cell
    rank: int


def threads(picture: Picture, width: int, options: Options, source: Source, grouping: Grouping) -> Listing:
    """What the view shows."""
    window = picture.window
    if not window.stacks:
        return Listing(painted(("quiet", "No stack was seen yet.")), Rows(), _nothing_below, _why_none(picture, width))
    probed = window.probe[-1].threads if window.probe else ()
    looked = whole_look(window) or window.stacks[-1]
    shares = cpu_shares(window)
    ownership = Ownership.of(window)
    guilty = _guilty(picture.report.findings)
    all_groups = [_group(group, alike, ownership, guilty) for group, alike in grouping.of(looked, probed)]
    groups = [kept for each in all_groups if (kept := _matching(each, options))]
    groups.sort(key=lambda each: each.rank, reverse=True)
    table = _groups_table(groups, shares, width) if options.grouped else _threads_table(groups, shares, width, options)
    members = {thread.ident: (each, thread) for each in groups for thread in each.threads}

    def chosen(row: Row) -> StackGroup:
        ident = options.followed if options.followed in row.also else None if options.grouped else row.key
        if ident is None:
            return members[row.also[0]][0].group  # type: ignore[index]
        each, thread = members[ident]  # type: ignore[index]
        return StackGroup((name(thread),), each.group.state, each.group.frames)

    def below(row: Row, columns: int) -> list[Text]:
        return from_report(group_lines(chosen(row), picture.report.lines, STYLE, columns))

    def page(row: Row, columns: int) -> list[Text]:
        frame = ownership.culprit(chosen(row).frames)
        code = excerpt(ownership.place(frame), source, columns) if frame else []
        return [*below(row, columns), *([painted()] if code else []), *code]

    summary = _summary(all_groups, len(members), window.stacks[-1].at - looked.at, options)
    return Listing(summary, table, below, _unmatched(options, width), page, options.followed)


def _guilty(findings: Sequence[Finding]) -> dict[int, Finding]:
    """The gravest finding of each thread that one is about."""
    return {ident: finding for finding in reversed(findings) for ident in finding.threads}


def _group(
    group: StackGroup, alike: Sequence[ThreadSample], ownership: Ownership, guilty: Mapping[int, Finding]
) -> _Group:
    found = [guilty[thread.ident] for thread in alike if thread.ident in guilty]
    worst = max((SEVERITIES.index(each.severity) for each in found), default=-1)
    severity = SEVERITIES[worst] if found else ""
    mark: Cell = (ROLES[severity], MARKS[severity]) if found else ""
    frame = ownership.own(group.frames) or (group.frames[0] if group.frames else None)
    return _Group(group, alike, _where(frame), mark, worst)


def _where(frame: Frame | None) -> str:
    if frame is None:
        return "(no Python frames)"
    return f"{at(frame)} {frame.function}" if frame.line else frame.function


def _matching(each: _Group, options: Options) -> _Group | None:
    """The group with its threads that hold the text: by the stack, or else by their names; None without any.

    A group that is one row is shown as a whole.
    """
    wanted = options.filter.casefold()
    stack = (each.group.state, *(f"{frame.function} {frame.file}" for frame in each.group.frames))
    if not wanted or any(wanted in text.casefold() for text in stack):
        return each
    named = [thread for thread in each.threads if wanted in name(thread).casefold()]
    return each._replace(threads=each.threads if options.grouped else named) if named else None


def _groups_table(groups: Sequence[_Group], shares: Mapping[int, float], width: int) -> Rows:
    wide = width >= _WIDE
    names = (("THREADS", 20, 3.0),) if wide else ()
    columns = fitted(width, ("", 1, 0), ("N", -4, 0), ("CPU", -7, 0), ("STATE", 20, 3), ("OWN CODE AT", 20, 5), *names)
    rows = []
    for each in groups:
        cpu = [shares[thread.ident] for thread in each.threads if thread.ident in shares]
        cells: list[Cell] = [each.mark, str(len(each.threads)), _cpu(sum(cpu) if cpu else None)]
        cells += [each.group.state, each.where]
        if wide:
            cells.append(("quiet", ", ".join(each.group.threads[:_NAMES])))
        idents = tuple(thread.ident for thread in each.threads)
        rows.append(Row((each.group.frames, each.group.state), tuple(cells), idents))
    return Rows(columns, rows)


_NAMES = 6  # more do not fit


def _threads_table(groups: Sequence[_Group], shares: Mapping[int, float], width: int, options: Options) -> Rows:
    columns: tuple[Column, ...] = fitted(
        width, ("", 1, 0), ("THREAD", 16, 2), ("CPU", -7, 0), ("STATE", 16, 3), ("OWN CODE AT", 16, 4)
    )
    entries = [(name(thread), thread.ident, each) for each in groups for thread in each.threads]
    match options.order:
        case "cpu":
            entries.sort(key=lambda entry: shares.get(entry[1], 0.0), reverse=True)
        case "name":
            entries.sort(key=lambda entry: entry[0])
        case "state":
            entries.sort(key=lambda entry: (entry[2].group.state, entry[0]))
    rows = [
        Row(ident, (each.mark, who, _cpu(shares.get(ident)), each.group.state, each.where), (ident,))
        for who, ident, each in entries
    ]
    return Rows(columns, rows)


def _cpu(share: float | None) -> Cell:
    if share is None:
        return ("quiet", "–")
    return f"{share * 100:.1f} %" if share >= _LEAST else ("quiet", "0 %")


def _summary(groups: Sequence[_Group], shown: int, age_s: float, options: Options) -> Text:
    everyone = {thread.ident: thread for each in groups for thread in each.threads}
    alike = f"{len(groups)} group{'' if len(groups) == 1 else 's'} of alike stacks"
    count, how = len(everyone), alike if options.grouped else _ORDERED[options.order]
    parts: list[tuple[object, str]] = [("strong", f"{count} thread{'' if count == 1 else 's'}"), (None, f", {how}")]
    if age_s:
        parts.append(("quiet", f"; all stacks were read {quantity(age_s, 's')} ago"))
    if options.filter:
        parts.append(("info", f"; {shown} with “{options.filter}”"))
    if options.followed is not None:
        followed = everyone.get(options.followed)
        parts.append(("info", f"; follows {name(followed)}" if followed else "; whom it follows has ended"))
    return painted(*parts)  # type: ignore[arg-type]


def _unmatched(options: Options, width: int) -> list[Text]:
    told = f"No thread's name, function or file holds “{options.filter}”; escape shows all again."
    return [painted((None, line)) for line in wrap(told, width)]


def _why_none(picture: Picture, width: int) -> list[Text]:
    """What hinders the look, and how to get it."""
    lines = []
    for limit in picture.report.observation.limitations:
        lines += [painted((None, line)) for line in wrap(limit.message, width)]
        lines += [painted(("command", line)) for line in wrap(limit.hint, width, "  ")]
    return lines


def _nothing_below(_row: Row, _columns: int) -> list[Text]:
    return []
