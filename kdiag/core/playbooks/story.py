"""The one story of a triage: what happened, why, what to do, and what was ruled out.

Pure, and separate from its wording: it picks out of a report and of the playbooks' runs what a person has to know, each
thing once, and the JSON and the text tell the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.catalog import within_reach
from kdiag.core.model import Report
from kdiag.core.playbooks.plan import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Finding

_MOST_ADVICE = 4  # of the playbook of what is gravest; the others have a word each


@dataclass(frozen=True, slots=True)
class Triage:
    """Of one process what is concluded, the playbooks that were run, and the conditions of those that were not."""

    report: Report
    runs: tuple[Run, ...]
    passed_over: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do; `confirm` where a person has to agree first, `verify` what shows that it helped.

    `about` is the verdict that it is for, where that is not the first one.
    """

    title: str
    detail: str = ""
    command: str = ""
    risk: str = "read-only"
    confirm: bool = False
    verify: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What a triage concludes.

    Attributes:
        happened: the findings, the gravest first, and what the playbooks found besides.
        why: of each finding how it comes about.
        do: what to do, the first thing first.
        ruled_out: verdicts that were looked for and not found.
        open: what could not be told, and why.
    """

    verdict: str
    happened: tuple[str, ...]
    why: tuple[str, ...]
    do: tuple[Advice, ...]
    ruled_out: tuple[str, ...]
    open: tuple[str, ...]


def tell(report: Report, runs: Sequence[Run]) -> Story:
    """The story of a report and of the playbooks that were run on what it was made of."""
    ranked = ranked_runs(report, runs)
    told = {finding.verdict for finding in report.findings} | _explained(report)
    undecided = {word.verdict for word in report.undecided}
    within, beyond = within_reach(report.observation.access)
    return Story(
        verdict=report.verdict,
        happened=(*(finding.title for finding in report.findings), *_messages(_besides(report, ranked))),
        why=tuple(finding.explanation or finding.summary for finding in report.findings),
        do=_advice(report, ranked),
        ruled_out=tuple(verdict for verdict in within if verdict not in told | undecided),
        open=(
            *(f"{word.verdict}: {word.reason}" for word in report.undecided),
            *_beyond([verdict for verdict in beyond if verdict not in undecided], report),
            *(
                f"{each.message.rstrip('.')}; {each.hint}" if each.hint else each.message
                for each in report.observation.limitations
            ),
            *(f"{run.playbook.name}: {why}" for run in ranked for why in run.shortcomings),
        ),
    )


def ranked_runs(report: Report, runs: Sequence[Run]) -> list[Run]:
    """The playbooks of the verdicts first, in the order of the findings; then those of symptoms."""
    order = {finding.verdict: number for number, finding in enumerate(report.findings)}
    return sorted(runs, key=lambda run: (order.get(run.playbook.name, len(order)), run.playbook.name))


def _beyond(verdicts: Sequence[str], report: Report) -> Iterator[str]:
    if verdicts:
        yield f"{', '.join(verdicts)}: to be seen with more access: kdiag doctor {report.target.pid}"


def _explained(report: Report) -> set[str]:
    """The verdicts that are symptoms of what was found."""
    return {each.partition(":")[0] for finding in report.findings for each in finding.related}


def _besides(report: Report, runs: Sequence[Run]) -> list[Run]:
    """The runs that found what the report does not tell or explain; of two that speak of the same the first."""
    told = {finding.verdict for finding in report.findings} | _explained(report)
    besides = []
    for run in runs:
        found = {finding for finding, _, _ in run.findings}
        if found and told.isdisjoint(found):
            told |= found
            besides.append(run)
    return besides


def _messages(runs: Sequence[Run]) -> Iterator[str]:
    return (message for run in runs for _, _, message in run.findings if message)


def _advice(report: Report, runs: Sequence[Run]) -> tuple[Advice, ...]:
    """What to do, the first thing first.

    The findings' own remedies name their places, so they lead. The first playbook that concludes something has its say,
    and of the others those a word that found something besides.
    """
    pid = str(report.target.pid)
    leading = [run for run in runs if run.findings or run.exit][:1]
    told = [*_remedies(report.findings[:1]), *(each for run in leading for each in _steps(run, pid))]
    told = [*_each_once(told)[:_MOST_ADVICE], *_remedies(report.findings[1:])]
    told += [each for run in _besides(report, runs) if run not in leading for each in _steps(run, pid)[:1]]
    return tuple(_each_once(told))


def _each_once(told: Sequence[Advice]) -> list[Advice]:
    """Each title and command once."""
    kept: dict[str, Advice] = {}
    for advice in told:
        if not any(advice.command and advice.command == other.command for other in kept.values()):
            kept.setdefault(advice.title.rstrip("."), advice)
    return list(kept.values())


def _remedies(findings: Sequence[Finding]) -> list[Advice]:
    """The first remedy of each finding."""
    return [
        Advice(
            remedy.title, remedy.detail, remedy.command, "read-only" if remedy.risk == "none" else remedy.risk,
            about="" if finding.id == "F1" else finding.verdict,
        )
        for finding in findings
        for remedy in finding.remedies[:1]
    ]  # fmt: skip


def _steps(run: Run, pid: str) -> list[Advice]:
    return [
        Advice(
            each.title, each.detail, each.command.replace("{{ target.pid }}", pid), each.risk, each.confirm,
            each.verify.text,
        )
        for each in run.next_steps
    ]  # fmt: skip
