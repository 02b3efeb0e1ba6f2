"""Runs a playbook: looks, judges, goes on, and stops where its limits say so.

Separate from the plan, which is pure: here is what time does to a run; and from a triage, which is many of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.expressions import PARAMETER
from kdiag.core.playbooks.model import END, Playbook, Step
from kdiag.core.playbooks.plan import (
    COLLECTS,
    Collect,
    Run,
    Taken,
    choose,
    conclusions,
    enough,
    fill,
    judge,
    lacking,
    matches,
    of_groups,
)
from kdiag.engine.playbooks.conditions import evaluate, floats
from kdiag.engine.playbooks.files import find, load
from kdiag.engine.playbooks.looking import given
from kdiag.engine.playbooks.parse import seconds
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kdiag.core.model import Report
    from kdiag.core.playbooks.evidence import Evidence
    from kdiag.engine.playbooks.looking import Looking


def run(playbook: Playbook, looking: Looking, params: Mapping[str, Any] | None = None) -> Run:
    """Run one playbook to its end, or to its limits.

    Args:
        playbook: one without faults.
        looking: where the evidence comes from.
        params: values instead of the playbook's own; durations in seconds.
    """
    values = floats({**playbook.params, **(params or {})})
    taken: list[Taken] = []
    evidence: Evidence = {"params": values}
    wish(playbook, looking)
    step, stopped, began = playbook.steps[0] if playbook.steps else None, "", looking.elapsed_s()
    while step is not None and not stopped:
        if looking.elapsed_s() - began > playbook.limits.duration:
            stopped = f"its limit of {playbook.limits.duration:g} s was reached before the step {step.id}"
            break
        done, evidence = _take(step, looking, values)
        taken.append(done)
        stopped = _stop(playbook, done, looking)
        step = playbook.step(done.outcome.next.text) if done.outcome and done.outcome.next.text != END else None
    _, matched = matches(playbook, evidence, evaluate)
    clear = judge(playbook.clear.text, evidence, evaluate) if playbook.clear else None
    return Run(
        playbook, matched, tuple(taken), stopped, clear, conclusions(playbook, evidence, evaluate),
        lacking(playbook, evidence),
    )  # fmt: skip


def on_report(name: str, report: Report) -> Run:
    """Run a playbook on what a report was made of: nothing is looked at anew.

    Raises:
        KdiagError: there is no such playbook, it has a fault, or the report does not know what it was made of.
    """
    head, *_ = given(report)
    return run(load(find(name)), head)


def wish(playbook: Playbook, looking: Looking) -> None:
    """Ask for the rate at which its steps want to look."""
    rates = [step.rate for step in playbook.steps if step.rate is not None]
    if rates:
        looking.wish(max(rates))


def paused_too_long(playbook: Playbook, looking: Looking) -> bool:
    """Whether looking has stopped the process for longer than the playbook allows."""
    return playbook.limits.pause_ms is not None and looking.pause_ms() > playbook.limits.pause_ms


def _take(step: Step, looking: Looking, params: Mapping[str, Any]) -> tuple[Taken, Evidence]:
    collect = COLLECTS[step.collect.text]
    evidence: Evidence = {"params": params}
    problem, looks = "", 1
    try:
        evidence |= looking.look(_duration(step, params), step.timeout)
        while looks <= step.retries and _may_appear(evidence, collect) and not looking.interrupted:
            later = looking.again(step.delay)
            if later is None:
                break
            evidence |= later
            looks += 1
    except KdiagError as error:
        problem = error.message
    outcome, judged = choose(step, evidence, evaluate)
    if problem:  # nothing was seen that a condition could be about
        outcome, judged = next((each for each in step.outcomes if each.default and step.goes_on), None), ()
    message = fill(outcome.message.text, evidence) if outcome else ""
    return Taken(step, judged, outcome, message, looks, problem, of_groups(evidence, collect.groups)), evidence


def _may_appear(evidence: Evidence, collect: Collect) -> bool:
    """Whether nothing was seen of it yet, and another look could; none can without the access for it."""
    seen = any(evidence.get(group, {}).get("available") for group in collect.groups)
    return not seen and enough(collect.access, evidence)


def _duration(step: Step, params: Mapping[str, Any]) -> float:
    match = PARAMETER.fullmatch(step.duration.text)
    return float(params[match[1]]) if match else seconds(step.duration.text)


def _stop(playbook: Playbook, done: Taken, looking: Looking) -> str:
    """Why a run must not go on after a step; "" where it may."""
    if looking.interrupted:
        return "it was interrupted"
    if done.outcome is None:
        return f"the step {done.step.id} failed: {done.problem}"
    if paused_too_long(playbook, looking):
        limit = playbook.limits.pause_ms
        return f"looking stopped the process for {looking.pause_ms():g} ms, and its limit is {limit:g} ms"
    return ""
