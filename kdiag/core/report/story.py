"""The story of a triage as text and as JSON; with `explain` the path of every playbook.

Separate from the report of a diagnosis, which stands behind it: this is what somebody reads out in a call. Of a process
tree it tells the worst one's story, and of the others one line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.story import Advice, Triage, ranked_runs, tell
from kdiag.core.report import playbooks, tree
from kdiag.core.report.json_ import to_json as report_to_json
from kdiag.core.report.layout import shell_lines, wrap
from kdiag.core.report.observed import identity
from kdiag.core.report.style import PLAIN, Style
from kdiag.core.report.text import headline_lines, summary_lines
from kdiag.core.report.text_finding import evidence_lines, grade, place_lines
from kdiag.core.report.trial import to_json as trial_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Finding, Place, Report
    from kdiag.core.playbooks.plan import Judged, Run
    from kdiag.core.playbooks.trial import Trial

SCHEMA = "kdiag.triage/v1"
_INDENT = "  "
_MOST_PLACES = 8
_MOST_NUMBERS = 5
_MOST_ALSO = 3
_ALSO = re.compile(r" (?=Also:? )")


def render(triages: Sequence[Triage], style: Style = PLAIN, width: int = 80, *, explain: bool = False) -> Iterator[str]:
    """The story of the worst process, and the playbooks behind it; then a line for each of the others.

    Args:
        triages: the named process first, whose report has those below it.
        style: how it is painted.
        width: of a line.
        explain: each condition of each playbook with the values that it saw.
    """
    worst, *others = worst_first(triages)
    yield from headline_lines([each.report for each in (worst, *others)], style, width)
    if others:
        yield from summary_lines([each.report for each in (worst, *others)], style)
    yield from _process(worst, style, width, explain=explain)
    for each in others:
        if each.report.findings or explain:
            yield ""
            yield from headline_lines([each.report], style, width)
            yield from wrap(identity(each.report), width, _INDENT)
            yield from wrap(f"Its own story: kdiag triage {each.report.target.pid}", width, _INDENT)
        if explain:
            yield from _paths(each, style, width, explain=True)


def worst_first(triages: Sequence[Triage]) -> list[Triage]:
    """Those of a tree, the worst first."""
    of = {each.report.target.pid: each for each in triages}
    return [of[report.target.pid] for report in tree.worst_first(triages[0].report)]


def _process(triage: Triage, style: Style, width: int, *, explain: bool) -> Iterator[str]:
    report, story = triage.report, tell(triage.report, triage.runs)
    yield from wrap(identity(report), width, _INDENT)
    if report.findings:
        yield from _finding(report.findings[0], report, style, width)
    yield from _list("What else was found", story.happened[len(report.findings[:1]) :], style, width)
    if story.do:
        yield from _heading("What to do", style)
    for number, advice in enumerate(story.do, 1):
        yield from _advice(number, advice, style, width)
    if story.ruled_out:
        yield from _heading("What was ruled out", style)
        yield from wrap(", ".join(story.ruled_out), width, _INDENT)
    yield from _list("What could not be told", story.open, style, width)
    yield from _paths(triage, style, width, explain=explain)


def _finding(finding: Finding, report: Report, style: Style, width: int) -> Iterator[str]:
    """The gravest one: its title is the headline already, and what to do about it comes with the rest."""
    yield from _heading("What happened", style)
    summary, *also = _ALSO.split(finding.summary)
    yield from wrap(summary, width, _INDENT)
    places = list(_places(finding))
    for place in places[:_MOST_PLACES]:
        yield from place_lines(place, report.lines, style, width)
    yield from _rest(len(places) - _MOST_PLACES, report, width)
    for text in also[:_MOST_ALSO]:
        yield from wrap(text, width, _INDENT, _INDENT * 2)
    yield from _rest(len(also) - _MOST_ALSO, report, width)
    for symptom in finding.related:
        yield from wrap(f"It explains {symptom}", width, _INDENT, _INDENT * 2)
    yield from _heading("Why", style)
    yield from wrap(finding.explanation, width, _INDENT)
    yield from _heading("How it is known", style)
    yield from wrap(grade(finding), width, _INDENT)
    judged = [each for each in finding.evidence if each.threshold is not None]
    yield from evidence_lines((tuple(judged) or finding.evidence)[:_MOST_NUMBERS], style, width)


def _places(finding: Finding) -> Iterator[Place]:
    """The culprit and the others, less what is told by another: the same spot, or one more thread at the same line."""
    told = set()
    blamed = finding.culprit
    if blamed is not None and not any(_spot(place) == _spot(blamed) for place in finding.places):
        told.add((blamed.file, blamed.line))
        yield blamed
    for place in finding.places:
        line = place.file, place.line
        if place.object or line not in told:  # of an object it matters which thread has it
            told.add(line)
            yield place


def _spot(place: Place) -> tuple[str, int, str | None]:
    return place.file, place.line, place.thread


def _rest(count: int, report: Report, width: int) -> Iterator[str]:
    if count > 0:
        yield from wrap(f"and {count} more: kdiag diagnose {report.target.pid} --full", width, _INDENT * 2)


def _paths(triage: Triage, style: Style, width: int, *, explain: bool) -> Iterator[str]:
    yield from _heading("Playbooks", style)
    if not triage.runs:
        yield f"{_INDENT}none matched"
    for number, run in enumerate(ranked_runs(triage.report, triage.runs)):
        if explain:
            yield from ("",) * (number > 0)
            yield from playbooks.result(run, style, width, explain=True)
        else:
            yield f"{_INDENT}{run.playbook.name}: {' → '.join(run.path)}"
    if explain:
        yield from _passed_over(triage.passed_over, style, width)


def _heading(name: str, style: Style) -> Iterator[str]:
    yield ""
    yield style.paint("heading", name)


def _list(name: str, texts: Sequence[str], style: Style, width: int) -> Iterator[str]:
    if texts:
        yield from _heading(name, style)
    for text in texts:
        yield from wrap(text, width, f"{_INDENT}- ", _INDENT * 2)


def _advice(number: int, advice: Advice, style: Style, width: int) -> Iterator[str]:
    text = _INDENT + "   "
    risk = "" if advice.risk == "read-only" else f" Risk: {advice.risk}{', asks before' if advice.confirm else ''}."
    about = f"{advice.about}: " if advice.about else ""
    yield from wrap(f"{number}. {about}{advice.title.rstrip('.')}.{risk}", width, _INDENT, text)
    yield from wrap(advice.detail, width, text)
    if advice.command:
        for line in shell_lines(advice.command, width, text + _INDENT):
            yield style.paint("command", line)
    if advice.verify:
        yield from wrap(f"It has helped when {advice.verify}.", width, text)


def _passed_over(runs: Sequence[Run], style: Style, width: int) -> Iterator[str]:
    if runs:
        yield from _heading("Playbooks that did not match", style)
    for run in runs:
        yield from wrap(
            f"{run.playbook.name}: {'; '.join(map(_unmet, run.matched)) or 'runs when named'}", width, _INDENT
        )


def _unmet(judged: Judged) -> str:
    return f"{judged.condition} is {'unknown' if judged.holds is None else str(judged.holds).lower()}"


def to_json(triages: Sequence[Triage], exit_code: int, trial: Trial | None = None) -> dict[str, Any]:
    """The worst process's story and the paths behind it, those of the others, what was tried: `kdiag.triage/v1`."""
    worst, *others = worst_first(triages)
    return {
        "schema": SCHEMA,
        "exit": exit_code,
        **_triage(worst),
        "others": [_triage(each) for each in others],
        "action": None if trial is None else trial_to_json(trial),
        "report": report_to_json(triages[0].report),
    }


def _triage(triage: Triage) -> dict[str, Any]:
    story = tell(triage.report, triage.runs)
    return {
        "pid": triage.report.target.pid,
        "verdict": story.verdict,
        "story": {
            "happened": list(story.happened),
            "why": list(story.why),
            "do": [_advised(each) for each in story.do],
            "ruled_out": list(story.ruled_out),
            "open": list(story.open),
        },
        "playbooks": [_run(run) for run in ranked_runs(triage.report, triage.runs)],
    }


def _advised(advice: Advice) -> dict[str, Any]:
    return {
        "title": advice.title, "detail": advice.detail, "command": advice.command, "risk": advice.risk,
        "confirm": advice.confirm, "verify": advice.verify, "about": advice.about,
    }  # fmt: skip


def _run(run: Run) -> dict[str, Any]:
    return {
        "name": run.playbook.name,
        "matched": [_judged(each) for each in run.matched],
        "path": list(run.path),
        "stopped": run.stopped,
        "clear": None if run.clear is None else run.clear.holds,
        "findings": [
            {"id": finding, "severity": severity, "message": message} for finding, severity, message in run.findings
        ],
        "steps": [
            {
                "id": taken.step.id,
                "collect": taken.step.collect.text,
                "looks": taken.looks,
                "verdict": taken.outcome.verdict if taken.outcome else None,
                "message": taken.message or taken.problem,
                "judged": [_judged(each) for each in taken.judged],
                "evidence": dict(taken.evidence),
            }
            for taken in run.steps
        ],
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {"condition": judged.condition, "holds": judged.holds, "seen": dict(judged.seen)}
