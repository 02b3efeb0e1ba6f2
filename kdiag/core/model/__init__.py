"""What was seen and what is concluded from it: the data that flows from sources to reports.

One vocabulary for sources, detectors and front ends. Everything is frozen: a sample is never changed after it was
taken, so a window can cross threads without a copy.

Times named `at` are seconds of the session's monotonic clock; durations end in `_s` (seconds) or `_ms`.
"""

from kdiag.core.model.findings import (
    Cost,
    Evidence,
    Finding,
    NotEnoughEvidence,
    Observation,
    Outcome,
    Place,
    Remedy,
    Report,
    Samples,
    StackGroup,
    Threshold,
)
from kdiag.core.model.probed import (
    Allocator,
    CollectorAccount,
    LoopDelay,
    ProbedLoop,
    ProbedThread,
    ProbedWait,
    ProbeSample,
    WaitKind,
)
from kdiag.core.model.samples import (
    HEALTHY,
    INCONCLUSIVE,
    SEVERITIES,
    Access,
    Child,
    CollectorSample,
    Frame,
    Limitation,
    LineFacts,
    ProcessSample,
    ProfiledStack,
    ProfileSample,
    Severity,
    StackSample,
    Target,
    ThreadSample,
    Wait,
)
from kdiag.core.model.window import Window

__all__ = [
    "HEALTHY",
    "INCONCLUSIVE",
    "SEVERITIES",
    "Access",
    "Allocator",
    "Child",
    "CollectorAccount",
    "CollectorSample",
    "Cost",
    "Evidence",
    "Finding",
    "Frame",
    "Limitation",
    "LineFacts",
    "LoopDelay",
    "NotEnoughEvidence",
    "Observation",
    "Outcome",
    "Place",
    "ProbeSample",
    "ProbedLoop",
    "ProbedThread",
    "ProbedWait",
    "ProcessSample",
    "ProfileSample",
    "ProfiledStack",
    "Remedy",
    "Report",
    "Samples",
    "Severity",
    "StackGroup",
    "StackSample",
    "Target",
    "ThreadSample",
    "Threshold",
    "Wait",
    "WaitKind",
    "Window",
]
