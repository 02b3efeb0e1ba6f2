"""Reports made by hand, one for each way in which a diagnosis can end."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.catalog import dress, entry
from kdiag.core.model import (
    HEALTHY,
    INCONCLUSIVE,
    Cost,
    Evidence,
    Finding,
    Frame,
    Limitation,
    LineFacts,
    NotEnoughEvidence,
    Observation,
    Place,
    Report,
    Samples,
    StackGroup,
    Target,
)

CHURN = "/srv/app/churn.py"
BANK = "/srv/app/bank.py"

TARGET = Target(
    pid=4711,
    started_at="2026-03-01T02:59:12+00:00",
    command=("python", "-m", "app", "--port", "8000"),
    python="3.11.7",
)
OBSERVATION = Observation(
    started_at="2026-03-01T03:10:00+00:00",
    duration_s=10.0,
    access="stacks",
    samples=Samples(stacks=50, missed=2, process=20, collector=9800),
    cost=Cost(target_pause_ms_max=0.0, target_cpu_percent=0.4, own_cpu_percent=3.1),
    rates_hz={"stacks": 5.0, "collector": 980.0},
)


def gc_finding() -> Finding:
    bare = Finding(
        verdict="gc-pressure",
        severity="critical",
        score=93,
        confidence=0.99,
        title="61 % of the time goes to the garbage collector",
        summary="The collector ran in 5,978 of 9,800 looks; full collections take up to 210 ms each.",
        culprit=Place(CHURN, 7, "Churner.churn", "churner"),
        evidence=(
            Evidence("gc.share", 0.61, "ratio", 9800, "memory", low=0.55, high=0.67, threshold=0.1),
            Evidence("gc.pause_max", 0.21, "s", 9800, "memory", threshold=0.1),
            Evidence("gc.collections.full", 4.2, "1/s", 2, "memory"),
        ),
        related=("cpu-hot-loop: Churner.churn is in 77 % of the running stacks",),
        id="F1",
    )
    return dress(bare, entry(bare.verdict), TARGET.pid)


def deadlock_finding() -> Finding:
    bare = Finding(
        verdict="deadlock",
        severity="critical",
        score=90,
        confidence=0.9,
        title="2 threads wait for each other's lock (suspected)",
        summary="transfer-a and transfer-b stood in the same acquire in all 50 samples and were never run.",
        culprit=Place(BANK, 31, "Account.transfer", "transfer-a", "self.lock"),
        places=(
            Place(BANK, 30, "Account.transfer", "transfer-a", role="holds"),
            Place(BANK, 44, "Account.audit", "transfer-b", role="waits"),
        ),
        evidence=(Evidence("lock.stuck_samples", 50, "count", 50, "py-spy", threshold=20),),
        suspected=True,
        related=("pool-exhaustion: all 4 workers wait", "lock-contention: 6 threads wait for one lock"),
        id="F2",
    )
    return dress(bare, entry(bare.verdict), TARGET.pid)


LINES = {
    (CHURN, 7): LineFacts("self.children.append(Node(self))", "Churner.churn"),
    (BANK, 31): LineFacts("with other.lock:", "Account.transfer", acquires=("other.lock",)),
    (BANK, 30): LineFacts("with self.lock:", "Account.transfer", acquires=("self.lock",)),
}
STACKS = (
    StackGroup(("churner",), "running, holds the GIL", (Frame(CHURN, 7, "Churner.churn"), Frame(CHURN, 3, "main"))),
    StackGroup(
        ("pool_0", "pool_1", "pool_2"), "waiting for a lock", (Frame("/usr/lib/python3.11/threading.py", 320, "wait"),)
    ),
)


def one_finding() -> Report:
    return Report(
        target=TARGET,
        observation=OBSERVATION,
        verdict="gc-pressure",
        severity="critical",
        findings=(gc_finding(),),
        vitals={"process.cpu_percent": 99.5, "process.threads": 4.0},
        stacks=STACKS,
        lines=LINES,
    )


def many_findings() -> Report:
    leak = Finding(
        verdict="fd-leak",
        severity="warning",
        score=78,
        confidence=0.96,
        title="Sockets to 10.0.0.7:5432 grow by 12 a minute",
        summary="",
        culprit=None,
        evidence=(Evidence("descriptors.slope", 12.1, "count/min", 20, "psutil", 10.0, 14.2, 5.0),),
        id="F3",
    )
    return replace(one_finding(), findings=(gc_finding(), deadlock_finding(), dress(leak, entry("fd-leak"))))


def healthy() -> Report:
    return Report(target=TARGET, observation=OBSERVATION, verdict=HEALTHY, severity=None, findings=(), lines=LINES)


def inconclusive() -> Report:
    return Report(
        target=TARGET,
        observation=replace(OBSERVATION, duration_s=0.8, samples=Samples(stacks=2), rates_hz={}),
        verdict=INCONCLUSIVE,
        severity=None,
        findings=(),
        undecided=(
            NotEnoughEvidence("gc-pressure", "the collector was looked at for 0.8 s only", "Observe for 10 s or more."),
            NotEnoughEvidence("memory-leak", "a slope needs 30 s", "Add --for 60s."),
        ),
    )


def ended() -> Report:
    gone = Limitation("target-ended", "The process ended after 3.2 s; the report covers the time until then.")
    return replace(one_finding(), observation=replace(OBSERVATION, duration_s=3.2, limitations=(gone,)))


def no_access() -> Report:
    denied = Limitation(
        "no-ptrace",
        "Stacks and the collector could not be read: the process belongs to another user (uid 33).",
        "Run kdiag as that user or as root: sudo kdiag diagnose 4711",
    )
    seen = replace(
        OBSERVATION, access="process", samples=Samples(process=20), rates_hz={"process": 2.0}, limitations=(denied,)
    )
    return replace(healthy(), target=replace(TARGET, python="", command=()), observation=seen)


def children() -> Report:
    sick = replace(one_finding(), target=replace(TARGET, pid=4713, command=("gunicorn: worker [app]",)))
    well = replace(healthy(), target=replace(TARGET, pid=4712, command=("gunicorn: worker [app]",)))
    parent = replace(healthy(), target=replace(TARGET, command=("gunicorn: master [app]",)))
    return replace(parent, children=(well, sick))


ALL = {
    "one finding": one_finding(),
    "many findings": many_findings(),
    "healthy": healthy(),
    "inconclusive": inconclusive(),
    "ended": ended(),
    "no access": no_access(),
    "children": children(),
}
