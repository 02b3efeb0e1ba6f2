"""What a playbook is, after its file was read and found to be well-formed.

Separate from what is wrong with one: each part only remembers where it stands, so that rules can point there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Result = Literal["ok", "info", "warning", "critical", "inconclusive"]
Risk = Literal["read-only", "attach", "hook", "change"]
Value = bool | float | str

END = "end"  # what `next` calls the end


@dataclass(frozen=True, slots=True, order=True)
class At:
    """A place in a playbook's file, both counted from one."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or a condition, and where it begins."""

    text: str
    at: At = At()

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows where a condition holds; the first one of a step that does is taken.

    Attributes:
        when: the condition; empty for the default.
        verdict: what it says of the process.
        finding: what is found, or ruled out where the verdict is "ok"; a verdict's name as a rule.
        next: the step that follows; "end" for none.
    """

    when: Text
    verdict: Result
    finding: str
    message: Text
    uri: str
    next: Text
    at: At

    @property
    def default(self) -> bool:
        """Whether it is what holds where nothing else does."""
        return not self.when


@dataclass(frozen=True, slots=True)
class Step:
    """One look, and what may come of it.

    Attributes:
        collect: what is looked at, by a name of `COLLECTS`.
        duration: how much must have been seen, as written: a duration or "${params.NAME}".
        rate: how often a second is to be looked at where the time goes, as far as the budget allows; None: as it is.
        timeout: how long to wait for it at most, seconds.
        retries, delay: how often to look again where nothing was to be seen, and seconds between.
        goes_on: whether the playbook goes on by the default where the look fails.
    """

    id: str
    collect: Text
    duration: Text
    timeout: float
    retries: int
    delay: float
    goes_on: bool
    outcomes: tuple[Outcome, ...]
    at: At
    rate: float | None = None
    rate_at: At = At()


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the person is told to do; `when` it applies, and what shows that it helped.

    Attributes:
        risk_at: where the risk is written, or the step begins.
        about: what the action is about, as `with.name` says; of `guard.dict` the dict, empty for all.
    """

    title: str
    detail: str
    command: str
    action: Text
    risk: Risk
    confirm: bool
    when: Text
    verify: Text
    at: At
    risk_at: At = At()
    about: Text = Text("")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take: seconds in all, runs in a span of seconds, and the longest pause of the target in ms."""

    duration: float = 300.0
    runs: int | None = None
    per: float = 3600.0
    pause_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """A look at a playbook without a process: what is fed, and the path and findings that must come of it.

    Attributes:
        inputs: series of values by their paths; each look takes the next one, and the last one stays.
        findings: pairs of a finding and its severity.
        clear: whether the incident must count as over; None where the test does not say.
    """

    __test__ = False  # not one of pytest's

    name: str
    inputs: Mapping[str, tuple[Value | None, ...]]
    path: tuple[str, ...] | None
    findings: tuple[tuple[str, str], ...] | None
    exit: int | None
    matches: bool | None
    clear: bool | None
    at: At


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook.

    Attributes:
        match: conditions under which triage picks it, and whether one is enough.
        params: the values that it can be given, with their defaults; durations in seconds.
        access: what it needs to see all that it asks for.
        source: the file that it was read from.
    """

    name: str
    labels: Mapping[str, str]
    runbook: Text
    meaning: Text
    impact: Text
    mitigation: Text
    match: tuple[Text, ...]
    any_matches: bool
    clear: Text
    params: Mapping[str, Value]
    access: Literal["process", "stacks", "probe"]
    risk: Risk
    limits: Limits
    steps: tuple[Step, ...]
    next_steps: tuple[NextStep, ...]
    tests: tuple[Test, ...]
    source: str = ""
    at: At = At()
    param_types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def step(self, name: str) -> Step | None:
        """The step of this id."""
        return next((step for step in self.steps if step.id == name), None)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that is wrong with a playbook, where, and what to write instead."""

    at: At
    rule: str
    message: str
    hint: str = ""
