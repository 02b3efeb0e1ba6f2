"""Playbooks in words: what one does, the path that a run took with the values that it saw, and its runbook page.

Separate from the story of a triage, which is about the process; this is about playbooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.playbooks.evidence import FIELDS
from kdiag.core.playbooks.plan import COLLECTS, Judged, Run, Taken, worded
from kdiag.core.report.layout import definitions, table, wrap
from kdiag.core.report.style import PLAIN, Role, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.playbooks.model import Outcome, Playbook, Step

_INDENT = "  "
_ROLES: dict[str, Role] = {"ok": "good", "info": "info", "warning": "warning", "critical": "critical"}
_MOST_VALUES = 12


def show(playbook: Playbook, style: Style = PLAIN, width: int = 80) -> Iterator[str]:
    """What a playbook is and does."""
    yield style.paint("strong", playbook.name)
    yield from wrap(playbook.meaning.text, width, _INDENT)
    yield from _heading("Facts", style)
    how = " or ".join if playbook.any_matches else " and ".join
    facts = (
        ("picked when", how(each.text for each in playbook.match) or "it is named"),
        ("over when", playbook.clear.text),
        ("needs", f"{playbook.access} access, risk {playbook.risk}"),
        ("takes at most", f"{playbook.limits.duration:g} s"),
        ("parameters", ", ".join(f"{name}={_parameter(playbook, name)}" for name in playbook.params)),
        ("runbook", playbook.runbook.text),
        ("file", playbook.source),
    )
    yield from definitions(facts, width, _INDENT)
    yield from _heading("Steps", style)
    for step in playbook.steps:
        yield f"{_INDENT}{step.id}: {step.collect.text}"
        for outcome in step.outcomes:
            yield from wrap(_outcome(outcome), width, _INDENT * 3, _INDENT * 4)
    yield from _heading("What to do", style)
    for each in playbook.next_steps:
        risk = "" if each.risk == "read-only" else f" (risk: {each.risk}{', asks before' if each.confirm else ''})"
        yield from wrap(f"- {each.title}{risk}", width, _INDENT, _INDENT * 2)
        if each.command:
            yield style.paint("command", f"{_INDENT * 2}{each.command}")


def _parameter(playbook: Playbook, name: str) -> str:
    value = playbook.params[name]
    return f"{value:g}s" if playbook.param_types.get(name) == "duration" else str(value)


def _outcome(outcome: Outcome) -> str:
    told = f"{outcome.verdict} {outcome.finding}".strip()
    return f"{outcome.when.text or 'else'} → {told}, then {outcome.next.text}"


def _heading(name: str, style: Style) -> Iterator[str]:
    yield ""
    yield style.paint("heading", name)


def result(run: Run, style: Style = PLAIN, width: int = 80, *, explain: bool = False) -> Iterator[str]:
    """The path that a run took; with `explain` each condition with the values that it saw."""
    yield style.paint("strong", run.playbook.name)
    if explain:
        for judged in run.matched:
            yield from _judged(judged, width, "match ")
    for taken in run.steps:
        yield from _taken(taken, style, width, explain=explain)
    if run.stopped:
        yield from wrap(f"It ended early: {run.stopped}.", width, _INDENT)
    if run.lacked:
        yield from wrap(f"It saw only a part: {run.lacked}.", width, _INDENT)
    if run.clear is not None and explain:
        yield from _judged(run.clear, width, "over? ")


def _taken(taken: Taken, style: Style, width: int, *, explain: bool) -> Iterator[str]:
    verdict = taken.outcome.verdict if taken.outcome else "failed"
    looks = f" (looked {taken.looks} times)" if taken.looks > 1 else ""
    line = f"{_INDENT}{taken.step.id}: {style.paint(_ROLES.get(verdict, 'quiet'), verdict)}"
    yield f"{line} {taken.message or taken.problem}{looks}".rstrip()
    if explain:
        for judged in taken.judged:
            yield from _judged(judged, width, "")
        if taken.outcome is not None and taken.outcome.default:
            yield f"{_INDENT * 3}none of them: the default"
        values = [f"{path} = {worded(path, value)}" for path, value in taken.evidence if "title" not in path]
        if taken.evidence:
            yield from wrap("seen: " + ", ".join(values[:_MOST_VALUES]), width, _INDENT * 3, _INDENT * 4)


def _judged(judged: Judged, width: int, lead: str) -> Iterator[str]:
    word = {True: "yes", False: "no", None: "unknown"}[judged.holds]
    seen = ", ".join(f"{path} = {worded(path, value)}" for path, value in judged.seen)
    yield from wrap(f"{lead}{judged.condition} → {word} ({seen})", width, _INDENT * 3, _INDENT * 4)


def evidence(style: Style = PLAIN) -> Iterator[str]:
    """All values that conditions may ask for; of findings those of one."""
    yield style.paint("heading", "Values that conditions may ask for")
    rows = [("VALUE", "TYPE", "UNIT", "MEANING")]
    for path, field in FIELDS.items():
        if not path.startswith("findings.") or path.startswith("findings.deadlock."):
            rows.append((path, field.kind, field.unit, field.meaning))
    yield from table(rows, _INDENT)
    yield ""
    yield "findings.* are there for each verdict, with _ for -, as for deadlock here."
    yield ""
    yield style.paint("heading", "What a step can collect")
    yield from table([(name, collect.access, collect.meaning) for name, collect in COLLECTS.items()], _INDENT)


def runbook(playbook: Playbook) -> Iterator[str]:
    """The page for people, as Markdown, with the headings that runbooks have."""
    yield f"# {playbook.name}"
    yield ""
    yield f"Made of the playbook by `kdiag playbook docs {playbook.name}`; change that, not this page."
    for heading, text in (("Meaning", playbook.meaning.text), ("Impact", playbook.impact.text)):
        yield from ("", f"## {heading}", "")
        yield from wrap(text, 120)
    yield from ("", "## Diagnosis", "")
    yield f"`kdiag triage PID` runs it by itself where `{_picked(playbook)}`."
    yield f"By hand: `kdiag playbook run {playbook.name} PID`."
    for number, step in enumerate(playbook.steps, 1):
        yield ""
        yield from _step(number, step)
    if playbook.clear:
        yield from ("", f"It counts as over when `{playbook.clear.text}`.")
    yield from ("", "## Mitigation", "")
    yield from wrap(playbook.mitigation.text, 120)
    for each in playbook.next_steps:
        yield ""
        yield from wrap(f"- **{each.title}.** {each.detail}".rstrip(), 120, "", _INDENT)
        if each.command:
            yield f"  `{each.command.replace('{{ target.pid }}', 'PID')}`"
        if each.when:
            yield f"  (where `{each.when.text}`)"
        if each.confirm:
            yield f"  It changes the process, asks before, and has helped when `{each.verify.text}`."


def _picked(playbook: Playbook) -> str:
    return (" || " if playbook.any_matches else " && ").join(each.text for each in playbook.match)


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"{number}. **{step.id}** looks at {COLLECTS[step.collect.text].meaning} (`{step.collect.text}`)."
    for outcome in step.outcomes:
        condition = f"`{outcome.when.text}`" if outcome.when else "else"
        told = f"{outcome.verdict} {outcome.finding}".strip()
        yield f"   - {condition}: {told}{'' if outcome.next.text == 'end' else f', go on with {outcome.next.text}'}"
