"""What is concluded: evidence, findings, and the report that is made of them.

It is separate from what was seen, because front ends know only this half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from kdiag.core.model.samples import Access, Frame, Limitation, LineFacts, Severity, Target
from kdiag.core.model.window import Window

AttachMethod = Literal["preloaded", "pep768", "ptrace", "none"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the code. `role` says what it is to the story; "" for the culprit."""

    file: str
    line: int
    function: str
    thread: str | None = None
    object: str | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number with its bounds (95 %), the threshold that it is held against, its source and sample count."""

    metric: str
    value: float
    unit: str
    samples: int
    source: str
    low: float | None = None
    high: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do. `risk` is what it may do to the running service."""

    title: str
    detail: str
    command: str = ""
    risk: Literal["none", "low", "high"] = "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disease with its proof. `explanation`, `remedies` and `playbook` come from the catalogue.

    Attributes:
        confidence: 0 to 1, how sure it is that the verdict holds; `certain` findings end a diagnosis early.
        score: 0 to 100; 25 at the info threshold, 75 at the warning threshold, towards 100 at four times.
        title: one line, whatever names the target has chosen for its files and functions.
        suspected: the evidence fits but does not prove; the title says so.
        related: the symptoms that it explains, each as "verdict: title".
        threads: idents of the threads that it is about, for the combination of findings; not part of a report.
    """

    verdict: str
    severity: Severity
    score: int
    confidence: float
    title: str
    summary: str
    culprit: Place | None
    evidence: tuple[Evidence, ...]
    places: tuple[Place, ...] = ()
    suspected: bool = False
    id: str = ""
    explanation: str = ""
    remedies: tuple[Remedy, ...] = ()
    related: tuple[str, ...] = ()
    playbook: str | None = None
    threads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.isprintable():
            object.__setattr__(self, "title", " ".join(self.title.split()) or "?")


@dataclass(frozen=True, slots=True)
class NotEnoughEvidence:
    """A detector's word that it could not tell, why, and what would let it."""

    verdict: str
    reason: str
    hint: str = ""


Outcome = Finding | NotEnoughEvidence | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A documented preference, kept beside its detector. `learnt_from` names the data or the peer behind it."""

    metric: str
    unit: str
    warning: float | None
    critical: float | None
    learnt_from: str
    info: float | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """How many samples each source took; `missed` counts the stack looks that failed or came too late."""

    stacks: int = 0
    missed: int = 0
    process: int = 0
    collector: int = 0
    probe: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What the observation cost. Percentages are of one core over the observation."""

    target_pause_ms_max: float = 0.0
    target_cpu_percent: float = 0.0
    own_cpu_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """How the target was looked at: when, for how long, with what access, at what cost, with what limits."""

    started_at: str
    duration_s: float
    access: Access
    samples: Samples
    cost: Cost
    attach_method: AttachMethod = "none"
    rates_hz: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    limitations: tuple[Limitation, ...] = ()


@dataclass(frozen=True, slots=True)
class StackGroup:
    """Threads that stood alike in the last sample that knows their stacks: one entry of the report's appendix."""

    threads: tuple[str, ...]
    state: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one diagnosis of one process: `kdiag.report/v1`.

    Attributes:
        lines: what the source says at (file, line), for the places and the stacks; the window's, as far as known.
        window: what it was concluded from, for pictures of it; None where only the conclusion was kept.
    """

    target: Target
    observation: Observation
    verdict: str
    severity: Severity | None
    findings: tuple[Finding, ...]
    undecided: tuple[NotEnoughEvidence, ...] = ()
    vitals: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    stacks: tuple[StackGroup, ...] = ()
    children: tuple[Report, ...] = ()
    lines: Mapping[tuple[str, int], LineFacts] = field(default_factory=lambda: MappingProxyType({}))
    window: Window | None = field(default=None, repr=False, compare=False)
