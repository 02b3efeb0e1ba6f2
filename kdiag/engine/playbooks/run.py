"""Runs a playbook: looks, judges, goes on, and stops where its limits say so.

Separate from the plan, which is pure: here is what time does to a run. All playbooks of a triage run over one source of
evidence, one after the other; since that keeps what it saw, they all look at the same seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.evidence import Evidence, evidence_of
from kdiag.core.playbooks.expressions import PARAMETER
from kdiag.core.playbooks.model import END, Playbook, Step
from kdiag.core.playbooks.plan import (
    COLLECTS,
    Run,
    Taken,
    choose,
    conclusions,
    fill,
    judge,
    lacking,
    matches,
    of_groups,
)
from kdiag.engine.playbooks.conditions import evaluate, floats
from kdiag.engine.playbooks.files import find, load
from kdiag.engine.playbooks.looking import Given
from kdiag.engine.playbooks.parse import seconds
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kdiag.core.model import Report
    from kdiag.engine.playbooks.looking import Looking


@dataclass(frozen=True, slots=True)
class Triage:
    """The playbooks that were picked and what became of them, and the conditions of those that were not."""

    runs: tuple[Run, ...]
    passed_over: tuple[Run, ...]


def run(playbook: Playbook, looking: Looking, params: Mapping[str, Any] | None = None) -> Run:
    """Run one playbook to its end, or to its limits.

    Args:
        playbook: one without faults.
        looking: where the evidence comes from.
        params: values instead of the playbook's own; durations in seconds.
    """
    given = floats({**playbook.params, **(params or {})})
    taken: list[Taken] = []
    evidence: Evidence = {"params": given}
    _wish(playbook, looking)
    step, stopped, began = playbook.steps[0] if playbook.steps else None, "", looking.elapsed_s()
    while step is not None and not stopped:
        if looking.elapsed_s() - began > playbook.limits.duration:
            stopped = f"its limit of {playbook.limits.duration:g} s was reached before the step {step.id}"
            break
        done, evidence = _take(step, looking, given)
        taken.append(done)
        stopped = _stop(playbook, done, looking)
        step = playbook.step(done.outcome.next.text) if done.outcome and done.outcome.next.text != END else None
    _, matched = matches(playbook, evidence, evaluate)
    clear = judge(playbook.clear.text, evidence, evaluate) if playbook.clear else None
    return Run(
        playbook, matched, tuple(taken), stopped, clear, conclusions(playbook, evidence, evaluate),
        lacking(playbook, evidence),
    )  # fmt: skip


def triage(
    playbooks: Sequence[Playbook], looking: Looking, window_s: float, *, named: bool,
    begin: Callable[[Playbook], None] = lambda _: None,
) -> Triage:  # fmt: skip
    """Look, pick the playbooks whose match holds, and run them on what is seen.

    Args:
        playbooks: those without faults.
        looking: where the evidence comes from.
        window_s: how much is to be seen before one is picked.
        named: whether a person has named them; then all are run.
        begin: called before each that is run; a KdiagError keeps it from running, and is told.
    """
    for playbook in playbooks if named else ():
        _wish(playbook, looking)
    evidence = looking.look(window_s, window_s + 60.0)
    runs: list[Run] = []
    passed_over: list[Run] = []
    for playbook in playbooks:
        held, matched = matches(playbook, evidence | {"params": floats(playbook.params)}, evaluate)
        if looking.interrupted or not (named or held):
            passed_over.append(Run(playbook, matched, ()))
            continue
        try:
            begin(playbook)
        except KdiagError as error:
            runs.append(Run(playbook, matched, (), stopped=error.message))
            continue
        runs.append(run(playbook, looking, {"window": window_s} if "window" in playbook.params else {}))
    return Triage(tuple(runs), tuple(passed_over))


def on_report(name: str, report: Report) -> Run:
    """Run a playbook on what a report was made of: nothing is looked at anew.

    Raises:
        KdiagError: there is no such playbook, it has a fault, or the report does not know what it was made of.
    """
    if report.window is None:
        raise KdiagError("no-evidence", "What this report was made of is not known.", hint="kdiag triage PID")
    return run(load(find(name)), Given(report, evidence_of(report.window, report)))


def _wish(playbook: Playbook, looking: Looking) -> None:
    rates = [step.rate for step in playbook.steps if step.rate is not None]
    if rates:
        looking.wish(max(rates))


def _take(step: Step, looking: Looking, params: Mapping[str, Any]) -> tuple[Taken, Evidence]:
    groups = COLLECTS[step.collect.text].groups
    evidence: Evidence = {"params": params}
    problem, looks = "", 1
    try:
        evidence |= looking.look(_duration(step, params), step.timeout)
        while looks <= step.retries and not _available(evidence, groups) and not looking.interrupted:
            evidence |= looking.again(step.delay)
            looks += 1
    except KdiagError as error:
        problem = error.message
    outcome, judged = choose(step, evidence, evaluate)
    if problem:  # nothing was seen that a condition could be about
        outcome, judged = next((each for each in step.outcomes if each.default and step.goes_on), None), ()
    message = fill(outcome.message.text, evidence) if outcome else ""
    return Taken(step, judged, outcome, message, looks, problem, of_groups(evidence, groups)), evidence


def _available(evidence: Evidence, groups: tuple[str, ...]) -> bool:
    return any(evidence.get(group, {}).get("available") for group in groups)


def _duration(step: Step, params: Mapping[str, Any]) -> float:
    match = PARAMETER.fullmatch(step.duration.text)
    return float(params[match[1]]) if match else seconds(step.duration.text)


def _stop(playbook: Playbook, done: Taken, looking: Looking) -> str:
    """Why a run must not go on after a step; "" where it may."""
    if looking.interrupted:
        return "it was interrupted"
    if done.outcome is None:
        return f"the step {done.step.id} failed: {done.problem}"
    limit = playbook.limits.pause_ms
    if limit is not None and looking.pause_ms() > limit:
        return f"looking stopped the process for {looking.pause_ms():g} ms, and its limit is {limit:g} ms"
    return ""
