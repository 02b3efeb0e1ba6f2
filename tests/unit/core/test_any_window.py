"""Whatever the sources saw, no detector fails, and what it says is fit for a report."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdiag.core.detectors import DETECTORS
from kdiag.core.model import (
    SEVERITIES,
    Child,
    ClassPlace,
    CollectorSample,
    CrashAccount,
    CrashFrame,
    CrashGroup,
    Finding,
    Frame,
    LineFacts,
    NilUsed,
    ProcessSample,
    ProfiledStack,
    ProfileSample,
    StackSample,
    Target,
    ThreadSample,
    Wait,
    Window,
)
from kdiag.core.verdict import conclude, settled
from tests.support.crashes import FILE as CRASH_FILE
from tests.support.inside import with_probe
from tests.support.windows import (
    ANYIO_WORKER,
    BOOT,
    CALLBACK,
    CONDITION_WAIT,
    EVENT_WAIT,
    FUTURE_RESULT,
    FUTURES_TASK,
    FUTURES_WORKER,
    GTHREAD_TASK,
    LOOP,
    MODULE,
    PID,
    QUEUE_GET,
    SELECT,
    WAITRESS_WORKER,
    app,
    check,
)

CRASH_SOURCES = [
    "def main(node=None):\n    return node.name\n",
    (
        "class Scheduler:\n    node = None\n    def place(self, *args, **kwargs):\n        for x in self.node:\n"
        "            place(*args, **kwargs)\nasync def place(x):\n    with x: await x\n    x += node[x]\n"
    ),
]
FRAMES = [*{f for part in (FUTURES_TASK, ANYIO_WORKER, WAITRESS_WORKER, GTHREAD_TASK, CALLBACK) for f in part}]
STACKS = st.one_of(
    st.tuples(
        st.sampled_from([(), CONDITION_WAIT, EVENT_WAIT, QUEUE_GET, FUTURE_RESULT, SELECT]),
        st.lists(st.builds(app, st.integers(1, 6), st.sampled_from(["f", "A.g", "<module>"])), max_size=3).map(tuple),
        st.sampled_from(
            [(), BOOT, MODULE, LOOP, CALLBACK, FUTURES_WORKER, FUTURES_TASK, ANYIO_WORKER, WAITRESS_WORKER]
        ),
    ).map(lambda parts: parts[0] + parts[1] + parts[2]),
    st.lists(st.sampled_from(FRAMES), max_size=4).map(tuple),
    st.builds(lambda text: (Frame(text, 0, text),), st.text(max_size=5)),
)
NAMES = st.sampled_from(["MainThread", "orders_0", "orders_1", "asyncio_0", "waitress-0", "x", ""])
THREADS = st.builds(
    ThreadSample,
    thread_id=st.sampled_from([0, PID, PID + 1, PID + 2]),
    ident=st.integers(0, 4),
    name=NAMES,
    frames=STACKS,
    holds_gil=st.booleans(),
    wait=st.sampled_from(Wait),
    wait_address=st.integers(0, 2),
    cpu_s=st.none() | st.floats(0, 1e4),
    queued_s=st.none() | st.floats(0, 1e4),
    runs=st.none() | st.integers(0, 5),
)
EXPRESSIONS = st.sampled_from(["self.lock", "a", "b", "mod.lock", "open(p)", "", "cls", "self"])
FACTS = st.builds(
    LineFacts,
    text=st.just("x"),
    qualname=st.sampled_from(["", "f", "A.g", "f.<locals>.g"]),
    acquires=st.lists(EXPRESSIONS, max_size=3).map(tuple),
    holds=st.lists(st.tuples(EXPRESSIONS, st.integers(1, 9)), max_size=2).map(tuple),
    call=st.sampled_from(["", "gc.collect", "self.cond.wait", "re.match"]),
)
COUNTS = st.integers(0, 10**6)
AT = st.floats(0, 20)
PROCESS = st.builds(
    ProcessSample,
    at=AT,
    cpu_s=st.floats(0, 100),
    rss=COUNTS,
    threads=COUNTS,
    uss=st.none() | COUNTS,
    descriptors=st.none() | st.dictionaries(st.sampled_from(["file", "socket"]), COUNTS),
    descriptor_names=st.dictionaries(st.text(max_size=3), COUNTS, max_size=2),
    descriptor_limit=st.none() | st.integers(0, 2000),
    context_switches=st.tuples(COUNTS, COUNTS),
    children=st.lists(
        st.builds(Child, st.integers(1, 4), st.text(max_size=3), st.floats(0, 9), st.booleans()), max_size=3
    ).map(tuple),
    connections=st.dictionaries(st.sampled_from(["ESTABLISHED", "LISTEN"]), st.integers(0, 9)),
    listening=st.booleans(),
    backlog=st.integers(0, 50),
)


def collector(at: float, reads: int, part: float, full: int, longest: float) -> CollectorSample:
    return CollectorSample(at, 0.3, reads, round(reads * part), (9, 3, full)[: full % 4], longest_s=longest)


COLLECTOR = st.builds(
    collector, AT, st.integers(0, 90), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 9), st.floats(0, 2)
)
PROFILE = st.builds(
    ProfileSample,
    at=AT,
    span_s=st.floats(0, 5),
    looks=st.integers(0, 90),
    stacks=st.lists(st.builds(ProfiledStack, st.integers(0, 9), NAMES, STACKS, st.integers(0, 90)), max_size=3).map(
        tuple
    ),
)

LINES = st.integers(0, 12)
NAMED = st.sampled_from(["node", "self", "x"])
CRASH_FRAMES = st.builds(
    CrashFrame,
    file=st.sampled_from([CRASH_FILE, "/srv/other.py", "", "<frozen os>"]),
    line=LINES,
    function=st.sampled_from(["main", "place", "Scheduler.place", "<module>", "<lambda>", "f.<locals>.wrapper", ""]),
    first=LINES,
    span=st.none() | st.tuples(LINES, LINES, st.integers(0, 30), st.integers(0, 30)),
    none=st.lists(NAMED, max_size=2).map(tuple),
)
USED = st.builds(
    NilUsed,
    chain=st.lists(NAMED, min_size=1, max_size=2).map(tuple),
    how=st.sampled_from(["attribute", "call", "subscript", "iteration", "operation", "with", "await", "unpack"]),
    attribute=st.sampled_from(["", "name"]),
    stored_at=LINES,
    argument=st.booleans(),
    owner=st.none() | st.just(ClassPlace("cache.Scheduler", CRASH_FILE, 1)),
)
CRASHES = st.builds(
    CrashGroup,
    number=st.integers(1, 3),
    type=st.sampled_from(["AttributeError", "TypeError", "shop.Error", "SystemExit", ""]),
    message=st.sampled_from(["", "'NoneType' object has no attribute 'name'", "'NoneType' object is not iterable"]),
    kind=st.sampled_from(["nil", "mutation", "other"]),
    count=st.integers(0, 50),
    ended=st.integers(0, 3),
    first_at=AT,
    last_at=AT,
    by=st.dictionaries(st.sampled_from(["logging", "sys.monitoring", "asyncio"]), st.integers(-5, 50)),
    loggers=st.just(()),
    threads=st.lists(NAMES, max_size=3).map(tuple),
    frames=st.lists(CRASH_FRAMES, max_size=4).map(tuple),
    used=st.none() | USED,
)
CRASH_TEXTS = st.sampled_from(["", "def main(:", "x", *CRASH_SOURCES])


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Threads that keep what they do for some looks, so that stillness, rows and slopes come about."""
    step = draw(st.sampled_from([0.0, 0.2, 0.5, 2.0]))
    stacks: list[StackSample] = []
    for _ in range(draw(st.integers(0, 4))):
        threads = tuple(draw(st.lists(THREADS, max_size=5)))
        collecting = draw(st.sampled_from([None, False, True]))
        first = len(stacks)
        stacks += [
            StackSample((first + n) * step, threads, collecting=collecting) for n in range(draw(st.integers(1, 15)))
        ]
    keys = st.tuples(st.just(app(1).file), st.integers(1, 6))
    return Window(
        Target(
            PID, "", tuple(draw(st.lists(st.sampled_from(["--threads", "4", "--threads=x", "a:b", "-m"]), max_size=3)))
        ),
        0.0,
        draw(AT),
        tuple(stacks),
        tuple(sorted(draw(st.lists(PROCESS, max_size=12)), key=lambda sample: sample.at)),
        tuple(sorted(draw(st.lists(COLLECTOR, max_size=12)), key=lambda sample: sample.at)),
        tuple(draw(st.lists(PROFILE, max_size=3))),
        lines=draw(st.dictionaries(keys, FACTS, max_size=5)),
        ended=draw(st.booleans()),
        sources={CRASH_FILE: draw(CRASH_TEXTS)},
    )


@st.composite
def crashing(draw: st.DrawFn) -> Window:
    """A window with a probe in it that was told of crashes."""
    seen = with_probe(draw(windows()))
    crashes = draw(st.lists(st.lists(CRASHES, max_size=3), min_size=len(seen.probe[:3]), max_size=len(seen.probe[:3])))
    samples = [
        replace(sample, crashes=CrashAccount(groups=tuple(groups)))
        for sample, groups in zip(seen.probe, crashes, strict=False)
    ]
    return replace(seen, probe=tuple(samples))


@given(st.one_of(windows(), crashing()))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_window_breaks_a_detector(window: Window) -> None:
    outcomes = [detector.detect(window) for detector in DETECTORS]
    for outcome in outcomes:
        if isinstance(outcome, Finding):
            check(outcome)
    concluded = conclude(window, outcomes)
    settled(window, outcomes)
    found = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    assert bool(concluded.findings) == bool(found)
    ranks = [(SEVERITIES.index(f.severity), f.score) for f in concluded.findings]
    assert ranks == sorted(ranks, reverse=True)
    for finding in concluded.findings:
        check(finding)
    # Nothing is lost: what is not a finding of its own is related to one.
    told = {f.verdict for f in concluded.findings}
    told |= {text.partition(":")[0] for f in concluded.findings for text in f.related}
    assert told == {f.verdict for f in found}
