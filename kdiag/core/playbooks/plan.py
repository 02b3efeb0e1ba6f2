"""Which step comes next: conditions judged against evidence, the first outcome that holds, and what a run has become.

Pure, and separate from the run, which waits, looks and stops at limits: the path depends on the evidence alone, so that
a dry run of a recording takes the path that the live one took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from kdiag.core.model import SEVERITIES, Access
from kdiag.core.playbooks.evidence import FIELDS, Evidence, value_at
from kdiag.core.playbooks.expressions import paths, placeholders
from kdiag.core.playbooks.model import NextStep, Outcome, Playbook, Step, Value
from kdiag.core.report.quantity import quantity

Evaluate = Callable[[str, Mapping[str, Any]], bool | None]
"""Whether a condition holds; None where it asks for a value that was not seen."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Something that a step can look at: the groups of evidence that it is after, the least access."""

    groups: tuple[str, ...]
    access: str
    meaning: str


COLLECTS: Mapping[str, Collect] = {
    "verdict": Collect(("findings", "report"), "process", "what the detectors conclude"),
    "process.vitals": Collect(("process",), "process", "CPU, memory, threads, descriptors, children"),
    "gc.stats": Collect(("gc",), "stacks", "what the cyclic collector does"),
    "gc.objects": Collect(("objects",), "stacks", "the objects that the collector watches, by type"),
    "stacks.sample": Collect(("stacks", "gil", "lock"), "stacks", "what every thread does, and what it waits for"),
    "pools.state": Collect(("pool",), "probe", "pools: how full, what waits"),
    "loops.delays": Collect(("loops", "tasks"), "probe", "event loops: how late callbacks come"),
    "exceptions.seen": Collect(("exceptions",), "probe", "exceptions: how many, and what they ended"),
    "baseline.compare": Collect(("baseline",), "process", "what changed since an earlier report"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A condition, whether it held (None: it asks for what was not seen), and the values that it saw."""

    condition: str
    holds: bool | None
    seen: tuple[tuple[str, Value | None], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken.

    Attributes:
        judged: the conditions of its outcomes, up to the one that held.
        outcome: the one that was taken; None where it has none.
        message: the outcome's, with its values.
        looks: how often was looked.
        problem: why the look failed; "" as a rule.
        evidence: the values of the groups that it looked at.
    """

    step: Step
    judged: tuple[Judged, ...]
    outcome: Outcome | None
    message: str = ""
    looks: int = 1
    problem: str = ""
    evidence: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one playbook.

    Attributes:
        matched: the conditions of its match.
        stopped: why it ended before its end; "" where it came through.
        clear: whether the incident counts as over; None where the playbook does not say.
        next_steps: those of its conclusion that apply.
        lacked: what access it needs and did not have; "" as a rule.
    """

    playbook: Playbook
    matched: tuple[Judged, ...]
    steps: tuple[Taken, ...]
    stopped: str = ""
    clear: Judged | None = None
    next_steps: tuple[NextStep, ...] = ()
    lacked: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """The ids of the steps that were taken."""
        return tuple(taken.step.id for taken in self.steps)

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """Why it saw less than it wanted, if it did."""
        return tuple(filter(None, (self.stopped, self.lacked)))

    @property
    def findings(self) -> tuple[tuple[str, str, str], ...]:
        """Name, severity and message of what was found, each once."""
        found = {}
        for taken in self.steps:
            outcome = taken.outcome
            if outcome is not None and outcome.finding and outcome.verdict in SEVERITIES:
                found[outcome.finding] = (outcome.finding, outcome.verdict, taken.message)
        return tuple(found.values())

    @property
    def exit(self) -> int:
        """0 nothing, 1 a finding of warning or more, 4 where it could not be told."""
        if any(severity != "info" for _, severity, _ in self.findings):
            return 1
        unsure = any(taken.outcome is not None and taken.outcome.verdict == "inconclusive" for taken in self.steps)
        return 4 if unsure or self.stopped else 0


def judge(condition: str, evidence: Evidence, evaluate: Evaluate) -> Judged:
    """Whether a condition holds, and what it saw."""
    asked = dict.fromkeys(path for path, _ in paths(condition))
    return Judged(condition, evaluate(condition, evidence), tuple((path, value_at(evidence, path)) for path in asked))


def matches(playbook: Playbook, evidence: Evidence, evaluate: Evaluate) -> tuple[bool, tuple[Judged, ...]]:
    """Whether triage picks a playbook, and why."""
    judged = tuple(judge(condition.text, evidence, evaluate) for condition in playbook.match)
    held = [each.holds is True for each in judged]
    return bool(held) and (any(held) if playbook.any_matches else all(held)), judged


def choose(step: Step, evidence: Evidence, evaluate: Evaluate) -> tuple[Outcome | None, tuple[Judged, ...]]:
    """The first outcome that holds, and the conditions that were judged for it."""
    judged: list[Judged] = []
    for outcome in step.outcomes:
        if outcome.default:
            return outcome, tuple(judged)
        judged.append(judge(outcome.when.text, evidence, evaluate))
        if judged[-1].holds:
            return outcome, tuple(judged)
    return None, tuple(judged)


def enough(access: str, evidence: Evidence) -> bool:
    """Whether there was as much access, or it is not known how much there was."""
    had = value_at(evidence, "report.access")
    ranks: tuple[Any, ...] = get_args(Access)
    return had not in ranks or ranks.index(had) >= ranks.index(access)


def lacking(playbook: Playbook, evidence: Evidence) -> str:
    """What is said where there was less access than a playbook needs; "" where there was enough, or it is not known."""
    if enough(playbook.access, evidence):
        return ""
    had = value_at(evidence, "report.access")
    return f"it needs {playbook.access} access and had {had}: see kdiag doctor PID"


def conclusions(playbook: Playbook, evidence: Evidence, evaluate: Evaluate) -> tuple[NextStep, ...]:
    """The next steps that apply; one without a condition always does."""
    return tuple(
        each for each in playbook.next_steps if not each.when or judge(each.when.text, evidence, evaluate).holds
    )


def fill(message: str, evidence: Evidence) -> str:
    """The message with its values in their units."""
    for path, _ in list(placeholders(message)):
        value = value_at(evidence, path)
        message = message.replace("{{ " + path + " }}", worded(path, value)).replace(
            "{{" + path + "}}", worded(path, value)
        )
    return message


def worded(path: str, value: Value | None) -> str:
    """A value as a person writes it."""
    if value is None:
        return "not seen"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return quantity(value, FIELDS[path].unit if path in FIELDS else "")


def of_groups(evidence: Evidence, groups: tuple[str, ...]) -> tuple[tuple[str, Value], ...]:
    """The values of these groups that were seen; of findings those that are there."""
    told = []
    for path in FIELDS:
        if path.partition(".")[0] not in groups:
            continue
        *parent, _ = path.split(".")
        if len(parent) > 1 and not value_at(evidence, ".".join([*parent, "present"])):
            continue
        value = value_at(evidence, path)
        if value is not None:
            told.append((path, value))
    return tuple(told)
