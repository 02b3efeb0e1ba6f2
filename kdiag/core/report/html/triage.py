"""The head of a triage's page: its story, the paths of its playbooks, and a change that was tried.

The findings with their evidence follow below it, as on the page of any report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.playbooks.story import ranked_runs
from kdiag.core.report import trial as words
from kdiag.core.report.html.charts import pair
from kdiag.core.report.html.markup import code, element, listed, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.model import Report
    from kdiag.core.playbooks.plan import Run
    from kdiag.core.playbooks.story import Advice, Story
    from kdiag.core.playbooks.trial import Trial

_COLUMNS = ("value", "before", "", "after")


def triage(story: Story, report: Report, runs: Sequence[Run], trial: Trial | None) -> Iterator[str]:
    """What happened, what to do, what was ruled out and could not be told, which playbooks ran, and what was tried."""
    yield '<section class="story">'
    yield from _list("What happened", map(text, story.happened))
    yield from _list("What to do", map(_advice, story.do), "ol")
    if trial is not None:
        yield from _trial(trial)
    yield from _list("What was ruled out", [text(", ".join(story.ruled_out))] if story.ruled_out else [])
    yield from _list("Playbooks", map(_run, ranked_runs(report, runs)) if runs else ["none matched"])
    yield "</section>"


def _list(heading: str, items: Iterable[str], name: str = "ul") -> Iterator[str]:
    there = list(items)
    if there:
        yield element("h3", heading)
        yield from listed(there, name)


def _advice(advice: Advice) -> str:
    asks = ", asks before" if advice.confirm else ""
    risk = "" if advice.risk == "read-only" else f' <span class="risk">Risk: {text(advice.risk)}{asks}.</span>'
    command = f'<pre class="command" tabindex="0">{text(advice.command)}</pre>' if advice.command else ""
    helped = f"<br>It has helped when {code(advice.verify)}." if advice.verify else ""
    return f"{element('strong', advice.title)}{risk} {text(advice.detail)}{helped}{command}"


def _run(run: Run) -> str:
    return ": ".join((code(run.playbook.name), *map(text, filter(None, (" → ".join(run.path), *run.shortcomings)))))


def _trial(trial: Trial) -> Iterator[str]:
    yield f'<section class="finding tried{" helped" if trial.helped else ""}" id="tried">'
    yield f"<h3>Tried: {code(trial.change)}</h3>{element('p', trial.title, 'quiet')}"
    yield "<table><thead><tr>" + "".join(element("th", column) for column in _COLUMNS) + "</tr></thead><tbody>"
    for (label, before, after), (path, _, then, now) in zip(words.rows(trial), trial.rows(), strict=True):
        meaning = text(label.removeprefix(path))
        cells = (f"<span>{code(path)}{meaning}</span>", text(before), pair(then, now), text(after))
        named = zip(_COLUMNS, cells, strict=True)
        yield "<tr>" + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in named) + "</tr>"
    yield "</tbody></table>"
    role, outcome = words.outcome(trial)
    if outcome:
        lead, colon, rest = outcome.partition(":")
        yield f"<p>{element('strong', lead, role)}{colon}{text(rest)}</p>"
    yield from (element("p", line) for line in (words.over(trial), words.ended(trial)) if line)
    if trial.found:
        yield '<pre tabindex="0">' + "\n".join(map(text, trial.found)) + "</pre>"
    yield "</section>"
