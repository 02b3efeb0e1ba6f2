"""The head of a triage's Markdown: its story, the paths of its playbooks, and a change that was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.playbooks.story import ranked_runs
from kdiag.core.report import trial as words
from kdiag.core.report.markdown import code, escape, fenced, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.model import Report
    from kdiag.core.playbooks.plan import Run
    from kdiag.core.playbooks.story import Advice, Story
    from kdiag.core.playbooks.trial import Trial


def triage(story: Story, report: Report, runs: Sequence[Run], trial: Trial | None) -> Iterator[str]:
    """What happened, what to do, what was ruled out, which playbooks ran, and what was tried."""
    yield from _list("What happened", map(escape, story.happened))
    yield from _list("What to do", map(_advice, story.do), "1.")
    if trial is not None:
        yield from _trial(trial)
    yield from _list("What was ruled out", [", ".join(map(code, story.ruled_out))] if story.ruled_out else [])
    yield from _list("Playbooks", [*map(_run, ranked_runs(report, runs))] or ["none matched"])


def _list(heading: str, items: Iterable[str], mark: str = "-") -> Iterator[str]:
    there = list(items)
    if there:
        yield from (f"### {heading}", "", *(f"{mark} {item}" for item in there), "")


def _advice(advice: Advice) -> str:
    risk = "" if advice.risk == "read-only" else f" Risk: {advice.risk}{', asks before' if advice.confirm else ''}."
    command = f" {code(advice.command)}" if advice.command else ""
    helped = f" It has helped when {code(advice.verify)}." if advice.verify else ""
    return f"**{escape(advice.title.rstrip('.'))}.**{risk} {escape(advice.detail)}{helped}{command}"


def _run(run: Run) -> str:
    return ": ".join((code(run.playbook.name), *map(escape, filter(None, (" → ".join(run.path), *run.shortcomings)))))


def _trial(trial: Trial) -> Iterator[str]:
    yield from (f"### Tried: {code(trial.change)}", "", escape(trial.title), "")
    yield from table(words.HEADING, [tuple(map(escape, row)) for row in words.rows(trial)])
    _, outcome = words.outcome(trial)
    yield from (f"{escape(line)}  " for line in (outcome, words.over(trial), words.ended(trial)) if line)
    yield ""
    if trial.found:
        yield from (*fenced(trial.found, ""), "")
