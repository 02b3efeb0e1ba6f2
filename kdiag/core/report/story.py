"""The story of a triage as text and as JSON; with `explain` the path of every playbook.

Separate from the report of a diagnosis, which stands behind it: this is what somebody reads out in a call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.story import Advice, Story, ranked_runs
from kdiag.core.report import playbooks
from kdiag.core.report.json_ import to_json as report_to_json
from kdiag.core.report.layout import shell_lines, wrap
from kdiag.core.report.observed import identity
from kdiag.core.report.style import PLAIN, Role, Style
from kdiag.core.report.text_finding import finding_lines
from kdiag.core.report.tree import headline
from kdiag.core.report.trial import to_json as trial_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Report
    from kdiag.core.playbooks.plan import Judged, Run
    from kdiag.core.playbooks.trial import Trial

SCHEMA = "kdiag.triage/v1"
_INDENT = "  "
_ROLES: dict[str, Role] = {"info": "info", "warning": "warning", "critical": "critical", "healthy": "good"}


def render(
    story: Story, report: Report, runs: Sequence[Run], style: Style = PLAIN, width: int = 80, *, explain: bool = False,
    passed_over: Sequence[Run] = (),
) -> Iterator[str]:  # fmt: skip
    """The story, and the playbooks behind it."""
    level, sentence = headline(report)
    yield style.paint(_ROLES.get(level, "warning"), level.upper()) + " " + style.paint("strong", sentence)
    yield from wrap(identity(report), width, _INDENT)
    yield from _list("What happened", story.happened, style, width)
    if report.findings:
        yield from _heading("Why, and how it is known", style)
        for text in story.why[:1]:
            yield from wrap(text, width, _INDENT)
            yield ""
        shown = replace(report.findings[0], remedies=(), explanation="")  # both are told once, in the story's own words
        yield from finding_lines(shown, report.lines, style, width)
    if story.do:
        yield from _heading("What to do", style)
    for number, advice in enumerate(story.do, 1):
        yield from _advice(number, advice, style, width)
    if story.ruled_out:
        yield from _heading("What was ruled out", style)
        yield from wrap(", ".join(story.ruled_out), width, _INDENT)
    yield from _list("What could not be told", story.open, style, width)
    yield from _heading("Playbooks", style)
    if not runs:
        yield f"{_INDENT}none matched"
    for number, run in enumerate(ranked_runs(report, runs)):
        if explain:
            yield from ("",) * (number > 0)
            yield from playbooks.result(run, style, width, explain=True)
        else:
            yield f"{_INDENT}{run.playbook.name}: {' → '.join(run.path)}"
    if explain:
        yield from _passed_over(passed_over, style, width)


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
    yield from wrap(f"{number}. {advice.title.rstrip('.')}.{risk}", width, _INDENT, text)
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


def to_json(
    story: Story, report: Report, runs: Sequence[Run], exit_code: int, trial: Trial | None = None
) -> dict[str, Any]:
    """The story with the report and the paths behind it, and what was tried: `kdiag.triage/v1`."""
    return {
        "schema": SCHEMA,
        "verdict": story.verdict,
        "exit": exit_code,
        "story": {
            "happened": list(story.happened),
            "why": list(story.why),
            "do": [
                {
                    "title": each.title, "detail": each.detail, "command": each.command, "risk": each.risk,
                    "confirm": each.confirm, "verify": each.verify,
                }
                for each in story.do
            ],
            "ruled_out": list(story.ruled_out),
            "open": list(story.open),
        },
        "playbooks": [_run(run) for run in ranked_runs(report, runs)],
        "action": None if trial is None else trial_to_json(trial),
        "report": report_to_json(report),
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
