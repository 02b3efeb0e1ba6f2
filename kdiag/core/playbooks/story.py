"""The one story of a triage: what happened, why, what to do, and what was ruled out.

Pure, and separate from its wording: it picks out of a report and of the playbooks' runs what a person has to know, each
thing once, and the JSON and the text tell the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.catalog import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Report
    from kdiag.core.playbooks.plan import Run

_MOST_ADVICE = 4


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do; `confirm` where a person has to agree first, `verify` what shows that it helped."""

    title: str
    detail: str = ""
    command: str = ""
    risk: str = "read-only"
    confirm: bool = False
    verify: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What a triage concludes.

    Attributes:
        happened: the findings, the gravest first, and what the playbooks add to them.
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
    related = {each.partition(":")[0] for finding in report.findings for each in finding.related}
    found = {finding.verdict for finding in report.findings} | related
    undecided = {word.verdict for word in report.undecided}
    return Story(
        verdict=report.verdict,
        happened=tuple(dict.fromkeys([*(finding.title for finding in report.findings), *_added(report, ranked)])),
        why=tuple(finding.explanation or finding.summary for finding in report.findings),
        do=_advice(report, ranked),
        ruled_out=tuple(verdict for verdict in VERDICTS if verdict not in found | undecided),
        open=(
            *(f"{word.verdict}: {word.reason}" for word in report.undecided),
            *(f"{run.playbook.name}: {why}" for run in ranked for why in (run.stopped, run.lacked) if why),
        ),
    )


def ranked_runs(report: Report, runs: Sequence[Run]) -> list[Run]:
    """The playbooks of the verdicts first, in the order of the findings; then those of symptoms."""
    order = {finding.verdict: number for number, finding in enumerate(report.findings)}
    return sorted(runs, key=lambda run: (order.get(run.playbook.name, len(order)), run.playbook.name))


def _added(report: Report, runs: Sequence[Run]) -> Iterator[str]:
    """What runs say of a finding beyond its title; of two that speak of the same one the first."""
    titles, told = {finding.title for finding in report.findings}, set()
    for run in runs:
        for finding, _, message in run.findings:
            if message and message not in titles and finding not in told:
                told.add(finding)
                yield message


def _advice(report: Report, runs: Sequence[Run]) -> tuple[Advice, ...]:
    """The first finding's own remedies name its places, so they come first; a command is told once."""
    pid = str(report.target.pid)
    told = [
        Advice(remedy.title, remedy.detail, remedy.command, "read-only" if remedy.risk == "none" else remedy.risk)
        for finding in report.findings[:1]
        for remedy in finding.remedies[:1]
    ]
    for run in runs:
        for each in run.next_steps:
            command = each.command.replace("{{ target.pid }}", pid)
            told.append(Advice(each.title, each.detail, command, each.risk, each.confirm, each.verify.text))
    kept: dict[str, Advice] = {}
    for advice in told:
        if not any(advice.command and advice.command == other.command for other in kept.values()):
            kept.setdefault(advice.title.rstrip("."), advice)
    return tuple(kept.values())[: _MOST_ADVICE + len(report.findings)]
