"""The exceptions of a picture by fingerprint: how many, who told of them, and of a None where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kdiag.core.crashes import LOGGED, Crash, consequence, crashes, frames_of, how_told, times
from kdiag.core.frames import Ownership, at
from kdiag.core.mentioned import source_files
from kdiag.core.model import CrashFrame
from kdiag.core.nil import Nil, explain
from kdiag.core.report.crashes import told_nil
from kdiag.core.report.layout import wrap
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import frame_lines
from kdiag.tui.present.finding import excerpt
from kdiag.tui.present.headline import MARKS, ROLES
from kdiag.tui.present.listing import Listing
from kdiag.tui.present.table import Cell, Row, Rows, fitted
from kdiag.tui.present.text import STYLE, from_report, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.text import Text

    from kdiag.core.model import CrashGroup, Finding
    from kdiag.engine.live import Picture
    from kdiag.tui.present.finding import Source

_KINDS = frozenset({"nil", "mutation", "other"})
_VERDICTS = frozenset({"nil-dereference", "unhandled-crash", "dict-mutation"})
_WHY = "Exceptions are seen from inside only, also those that are logged, swallowed or end a thread."
_MOST_FILES = 60  # sources read for one picture


@dataclass
class Explained:
    """What is known already of the Nones, since it takes long to find out; belongs to the one thread that prepares."""

    _known: dict[int, tuple[tuple[CrashFrame, ...], Nil | None]] = field(default_factory=dict)

    def of(self, group: CrashGroup, sources: Mapping[str, str]) -> Nil | None:
        """What was None, and where it came from."""
        if group.kind != "nil":
            return None
        known = self._known.get(group.number)
        if known is None or known[0] != group.frames:
            known = self._known[group.number] = group.frames, explain(group, sources)
        return known[1]


def fingerprints(picture: Picture, width: int, wanted: str, source: Source, explained: Explained) -> Listing:
    """What the view shows."""
    probe = picture.window.probe
    if not probe:
        nothing = needs_probe(picture, _WHY, width)
        return Listing(painted(("quiet", "No exception was seen.")), Rows(), lambda *_: [], nothing)
    files = source_files(probe)[:_MOST_FILES]
    window = replace(picture.window, sources={file: text for file in files if (text := source(file))})
    ownership = Ownership.of(window)
    found = {crash.group.number: crash for crash in crashes(window, ownership, _KINDS) if crash.count}
    shown = [crash for crash in found.values() if _matches(crash, wanted)]
    marks = {crash.group.number: _mark(crash, picture.report.findings) for crash in shown}
    nils = {crash.group.number: explained.of(crash.group, window.sources) for crash in shown}
    rows = [_row(crash, ownership, marks[crash.group.number]) for crash in shown]
    columns = fitted(width, ("", 1, 0), ("TYPE", 14, 1), ("N", -4, 0), ("RATE", -8, 0), ("", 12, 0), ("AT", 18, 4))

    def below(row: Row, columns: int) -> list[Text]:
        crash = found[row.key]  # type: ignore[index]
        return _told(crash, nils[crash.group.number], picture, columns)

    def page(row: Row, columns: int) -> list[Text]:
        frame = ownership.culprit(frames_of(found[row.key].group))  # type: ignore[index]
        code = excerpt(ownership.place(frame), source, columns) if frame else []
        return [*below(row, columns), *([painted()] if code else []), *code]

    return Listing(_summary(picture, list(found.values()), wanted), Rows(columns, rows), below, _none(wanted), page)


def _summary(picture: Picture, found: Sequence[Crash], wanted: str) -> Text:
    account = picture.window.probe[-1].crashes
    count = sum(crash.count for crash in found)
    span = quantity(picture.window.duration_s, "s")
    places = "1 place" if len(found) == 1 else f"{len(found)} places"
    parts = [("strong", f"{count:,} exception{'' if count == 1 else 's'}"), (None, f" in {span}, at {places}")]
    if not account.raises:
        parts.append(("quiet", "; swallowed ones are not seen"))
    if wanted:
        parts.append(("info", f"; with “{wanted}”"))
    return painted(*parts)  # type: ignore[arg-type]


def _none(wanted: str) -> list[Text]:
    told = f"None of them holds “{wanted}”; escape shows all again." if wanted else "None was seen in this time."
    return [painted((None, told))]


def _matches(crash: Crash, wanted: str) -> bool:
    texts = [crash.group.type, *crash.group.threads, *(f"{f.function} {f.file}" for f in crash.group.frames)]
    return any(wanted.casefold() in text.casefold() for text in texts)


def _mark(crash: Crash, findings: Sequence[Finding]) -> Cell:
    """That of the finding which is about it."""
    places = {(frame.file, frame.line) for frame in crash.group.frames}
    for each in findings:
        if each.verdict in _VERDICTS and each.culprit and (each.culprit.file, each.culprit.line) in places:
            return ROLES[each.severity], MARKS[each.severity]
    return ""


def _row(crash: Crash, ownership: Ownership, mark: Cell) -> Row:
    group = crash.group
    frame = ownership.culprit(frames_of(group))
    place = f"{at(frame)} {ownership.name(frame)}" if frame else "(no Python frames)"
    rate: Cell = quantity(crash.rate, "/s")
    return Row(group.number, (mark, group.type.rpartition(".")[2], str(crash.count), rate, _fate(crash), place))


def _fate(crash: Crash) -> Cell:
    """What became of most of them, in one word."""
    if crash.group.ended:
        return "critical", f"{crash.group.ended} ended"
    if crash.swallowed:
        return "warning", f"{crash.swallowed} swallowed"
    logged = crash.group.by.get(LOGGED, 0)
    return f"{logged} logged" if logged > 0 else "told"


def _told(crash: Crash, nil: Nil | None, picture: Picture, width: int) -> list[Text]:
    """The origin of a None first, then who told of it, and the traceback."""
    group = crash.group
    what = f"{group.type}: {group.message}" if group.message else group.type
    lines = [painted(("strong", line)) for line in wrap(what, width)]
    for sentence in told_nil(nil) if nil else ():
        lines += [painted(("warning", line)) for line in wrap(sentence, width, "  ", "    ")]
    ended = consequence(group)
    sentences = [f"It was raised {times(crash.count)}{f' {ended}' if ended else ''}.", how_told(crash)]
    if group.threads:
        sentences.append(f"Threads: {', '.join(group.threads)}.")
    lines += [painted((None, line)) for line in wrap(" ".join(filter(None, sentences)), width, "  ", "  ")]
    return [*lines, *from_report(frame_lines(frames_of(group), picture.report.lines, STYLE, width, "  "))]
