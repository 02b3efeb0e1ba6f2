"""The verdict: who is cause and who is symptom, as a truth table; and when there is nothing more to learn."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import kdiag.core.detectors as package
from kdiag.core import detectors
from kdiag.core.catalog import VERDICTS
from kdiag.core.detectors import DETECTORS, THRESHOLDS, deadlock
from kdiag.core.model import Evidence, Finding, LineFacts, NotEnoughEvidence, Place, Severity, Wait, Window
from kdiag.core.verdict import CAUSES, conclude, detect_all, settled
from tests.support.windows import (
    BOOT,
    CALLBACK,
    FUTURES_TASK,
    Life,
    app,
    check,
    computing,
    idle_main,
    lines,
    moving,
    scene,
    stuck,
)
from tests.unit.core.test_deadlock import BACK, CROSSED, SHIP

SEEN = scene(idle_main())


def finding(
    verdict: str,
    severity: Severity = "warning",
    *,
    threads: tuple[int, ...] = (1,),
    place: str = "app.py",
    score: int = 80,
    confidence: float = 0.97,
    suspected: bool = True,
    **numbers: float,
) -> Finding:
    """A finding as a detector would give it; `numbers` become its evidence."""
    evidence = tuple(Evidence(name.replace("__", "."), value, "x", 9, "a test") for name, value in numbers.items())
    return Finding(
        verdict,
        severity,
        score,
        confidence,
        f"{verdict} it is",
        "",
        Place(place, 1, verdict),
        evidence or (Evidence("x", 1.0, "x", 9, "a test"),),
        suspected=suspected,
        threads=threads,
    )


def verdicts(*findings: Finding) -> list[str]:
    return [f.verdict for f in conclude(SEEN, findings).findings]


SHARING = [
    # (cause, symptom, what is left when they share a thread and a function, when only a thread, when nothing)
    ("deadlock", "pool-exhaustion", True, True),
    ("deadlock", "lock-contention", True, True),
    ("deadlock", "event-loop-blocked", True, True),
    ("deadlock", "thread-leak", True, True),
    ("pool-exhaustion", "lock-contention", True, True),
    ("pool-exhaustion", "thread-leak", True, True),
    ("lock-contention", "event-loop-blocked", True, False),
    ("lock-contention", "thread-leak", True, True),
    ("lock-contention", "cpu-hot-loop", True, False),
    ("gc-pressure", "cpu-hot-loop", True, True),
    ("gc-pressure", "event-loop-blocked", True, True),
    ("gc-pressure", "gil-contention", True, True),
    ("event-loop-blocked", "cpu-hot-loop", True, True),
    ("gil-contention", "cpu-hot-loop", True, True),
    ("nil-dereference", "unhandled-crash", True, False),
    ("dict-mutation", "unhandled-crash", True, True),
]


@pytest.mark.parametrize(("cause", "symptom", "function", "thread"), SHARING)
def test_causes_suppress_their_symptoms(cause: str, symptom: str, function: bool, thread: bool) -> None:
    first, second = finding(cause), finding(symptom)
    here = replace(second, culprit=Place("app.py", 9, cause))
    assert len(verdicts(first, here)) == (1 if function else 2)
    assert len(verdicts(first, second)) == (1 if thread else 2)
    apart = finding(symptom, threads=(2,), place="other.py")
    assert sorted(verdicts(first, apart)) == sorted([cause, symptom])
    assert verdicts(first, here)[0] == cause


def test_the_table_covers_all_causes() -> None:
    special = {("cpu-hot-loop", "gil-contention"), ("thread-leak", "memory-leak")}
    assert {(cause, symptom) for cause, symptom, *_ in SHARING} | special == set(CAUSES)
    assert {verdict for pair in CAUSES for verdict in pair} <= set(VERDICTS)


@pytest.mark.parametrize(
    "pair",
    [
        ("deadlock", "gc-pressure"),
        ("deadlock", "cpu-hot-loop"),
        ("pool-exhaustion", "gc-pressure"),
        ("pool-exhaustion", "event-loop-blocked"),
        ("gc-pressure", "memory-leak"),
        ("fd-leak", "memory-leak"),
        ("fd-leak", "zombie-children"),
    ],
)
def test_other_pairs_are_two_diseases(pair: tuple[str, str]) -> None:
    assert sorted(verdicts(*(finding(verdict) for verdict in pair))) == sorted(pair)


def test_a_symptom_stays_in_related_and_lends_its_gravity() -> None:
    (kept,) = conclude(SEEN, [finding("gc-pressure"), finding("cpu-hot-loop", "critical", score=95)]).findings
    assert kept.related == ("cpu-hot-loop: cpu-hot-loop it is",)
    assert (kept.verdict, kept.severity, kept.score) == ("gc-pressure", "critical", 95)


def test_a_chain_of_causes_ends_at_the_first() -> None:
    chain = [finding("lock-contention"), finding("pool-exhaustion", "critical", score=96), finding("deadlock")]
    (kept,) = conclude(SEEN, chain).findings
    assert kept.verdict == "deadlock"
    assert [text.partition(":")[0] for text in kept.related] == ["pool-exhaustion", "lock-contention"]


def test_one_symptom_of_two_causes_goes_to_the_graver() -> None:
    loop = finding("event-loop-blocked", "critical", threads=(1, 2))
    gc = finding("gc-pressure", threads=(2,))
    hot = finding("cpu-hot-loop", threads=(1, 2), place="other.py")
    kept = conclude(SEEN, [replace(loop, suspected=False), gc, hot]).findings
    assert [f.verdict for f in kept] == ["event-loop-blocked", "gc-pressure"]
    assert kept[0].related
    assert not kept[1].related


def test_a_call_that_keeps_the_gil_causes_the_waits_for_it() -> None:
    assert verdicts(finding("cpu-hot-loop", "critical"), finding("gil-contention")) == ["cpu-hot-loop"]
    assert verdicts(finding("cpu-hot-loop", "warning"), finding("gil-contention")) == ["gil-contention"]


def test_a_loop_seen_asleep_is_not_asleep_because_of_the_collector() -> None:
    asleep = finding("event-loop-blocked", suspected=False)
    assert len(verdicts(finding("gc-pressure"), asleep)) == 2


@pytest.mark.parametrize(("mib", "left"), [(20.0, 1), (500.0, 2)])
def test_new_threads_explain_a_little_memory(mib: float, left: int) -> None:
    threads = finding("thread-leak", threads__growth=30.0)
    memory = finding("memory-leak", threads=(), place="", memory__growth=mib)
    assert len(verdicts(threads, replace(memory, culprit=None))) == left


def test_findings_are_ranked_by_severity_then_score_and_numbered() -> None:
    ranked = conclude(
        SEEN,
        [
            finding("cpu-hot-loop", "info", score=60),
            None,
            finding("memory-leak", score=90, threads=()),
            finding("deadlock", "critical", score=80, threads=(7,), place="b"),
            finding("fd-leak", score=76, threads=()),
        ],
    )
    assert [(f.id, f.verdict) for f in ranked.findings] == [
        ("F1", "deadlock"), ("F2", "memory-leak"), ("F3", "fd-leak"), ("F4", "cpu-hot-loop"),
    ]  # fmt: skip
    assert (ranked.verdict, ranked.severity) == ("deadlock", "critical")


def test_nothing_found_is_healthy() -> None:
    assert conclude(SEEN, [None] * 11)[:2] == ("healthy", None)
    leaks = [NotEnoughEvidence("memory-leak", "too short"), NotEnoughEvidence("fd-leak", "too short")]
    short = conclude(SEEN, leaks)
    assert short.verdict == "healthy"
    assert short.undecided == tuple(leaks)


@pytest.mark.parametrize(
    "verdict", ["deadlock", "pool-exhaustion", "gc-pressure", "event-loop-blocked", "cpu-hot-loop"]
)
def test_nothing_found_without_essential_evidence_is_inconclusive(verdict: str) -> None:
    assert conclude(SEEN, [NotEnoughEvidence(verdict, "blind")]).verdict == "inconclusive"
    both = conclude(SEEN, [NotEnoughEvidence(verdict, "blind"), finding("fd-leak")])
    assert both.verdict == "fd-leak"


@pytest.mark.parametrize("window", [scene(), scene(idle_main(), seconds=0.5)])
def test_without_stacks_nothing_is_healthy(window: Window) -> None:
    assert conclude(window, [None]).verdict == "inconclusive"


def test_settled_means_all_decided_something_wrong_and_all_of_it_certain() -> None:
    sure, unsure = finding("deadlock"), finding("fd-leak", confidence=0.9)
    assert settled(SEEN, [sure, None])
    assert not settled(SEEN, [sure, unsure])
    assert not settled(SEEN, [sure, NotEnoughEvidence("fd-leak", "too short")])
    assert not settled(SEEN, [None])  # healthy only after the whole time
    assert not settled(SEEN, [finding("cpu-hot-loop", "info")])
    assert not settled(scene(), [sure])


def test_a_crash_of_one_detector_loses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: Window) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(deadlock, "detect", crash)
    outcomes = detect_all(scene(idle_main(), *[stuck(f"orders_{n}", app(1), *FUTURES_TASK) for n in range(3)]))
    crashed = outcomes[DETECTORS.index(deadlock)]
    assert isinstance(crashed, NotEnoughEvidence)
    assert crashed.reason == "detector-crashed: ZeroDivisionError: oh"
    assert any(isinstance(outcome, Finding) for outcome in outcomes)


def test_a_deadlock_of_pool_workers_is_a_deadlock() -> None:
    workers = [stuck(f"orders_{n}", frames[0], *FUTURES_TASK) for n, frames in enumerate((SHIP, BACK))]
    behind = [stuck(f"web-{n}", app(10, "ship"), *BOOT) for n in range(3)]
    facts = {**CROSSED, **lines((10, LineFacts("with stock:", "ship", acquires=("stock",))))}
    window = scene(idle_main(), *workers, *behind, lines=facts)
    (kept,) = conclude(window, detect_all(window)).findings
    assert kept.verdict == "deadlock"
    assert {text.partition(":")[0] for text in kept.related} == {"pool-exhaustion", "lock-contention"}


def test_a_deadlock_beside_an_exhausted_pool_are_two() -> None:
    pool = [stuck(f"mail_{n}", app(77, "send"), *FUTURES_TASK) for n in range(4)]
    window = scene(idle_main(), stuck("shipping", *SHIP), stuck("returns", *BACK), *pool, lines=CROSSED)
    facts = lines((77, replace(CROSSED["/srv/shop/app.py", 12], acquires=(), holds=(), call="sock.recv")))
    window = replace(window, lines={**CROSSED, **facts})
    assert [f.verdict for f in conclude(window, detect_all(window)).findings] == ["deadlock", "pool-exhaustion"]


def test_a_hot_callback_is_a_blocked_loop() -> None:
    hot = Life("MainThread", (app(5, "checksum"), *CALLBACK), Wait.RUNNING, 1, 0.2, True, main=True)
    window = scene(hot, cpu=0.99, voluntary=lambda at: int(2 * at))
    (kept,) = conclude(window, detect_all(window)).findings
    assert kept.verdict == "event-loop-blocked"
    assert kept.related[0].startswith("cpu-hot-loop: checksum")


def test_a_collecting_program_is_no_hot_loop() -> None:
    window = scene(computing("main", app(5, "churn"), *BOOT), cpu=0.99, collecting=lambda n: 60 + n % 5)
    (kept,) = conclude(window, detect_all(window)).findings
    assert kept.verdict == "gc-pressure"
    assert kept.related[0].startswith("cpu-hot-loop")


@pytest.mark.parametrize("lives", [(idle_main(),), (idle_main(), moving("web", app(3), *BOOT))])
def test_a_quiet_service_is_healthy(lives: tuple[Life, ...]) -> None:
    window = scene(*lives)
    assert conclude(window, detect_all(window))[:2] == ("healthy", None)


def test_every_detector_has_a_verdict_of_the_contract_and_documented_thresholds() -> None:
    assert len({d.VERDICT for d in DETECTORS}) == len(DETECTORS)
    for detector in DETECTORS:
        assert detector.VERDICT in VERDICTS
        assert detector.THRESHOLDS
        for threshold in THRESHOLDS[detector.VERDICT]:
            assert threshold.learnt_from
            steps = [step for step in (threshold.info, threshold.warning, threshold.critical) if step is not None]
            assert steps == sorted(steps)
            assert steps


def test_every_detector_is_registered_and_has_its_page() -> None:
    folder = Path(package.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {d.VERDICT.replace("-", "_") for d in detectors.DETECTORS} == modules
    docs = folder.parents[2] / "docs" / "detectors"
    for detector in DETECTORS:
        text = (docs / f"{detector.VERDICT}.md").read_text(encoding="utf-8")
        for threshold in detector.THRESHOLDS:
            assert f"`{threshold.metric}`" in text, (detector.VERDICT, threshold.metric)


def test_detectors_draw_the_healthy_and_the_sick_curve() -> None:
    for path in Path(package.__file__).parent.glob("[a-z]*.py"):
        source = path.read_text(encoding="utf-8")
        (detect,) = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "detect"]
        above = source.splitlines()[: detect.lineno - 1][-8:]
        assert any(line.startswith("#") for line in above), path.name


def test_findings_of_the_builders_are_fit_for_a_report() -> None:
    window = scene(idle_main(), stuck("shipping", *SHIP), stuck("returns", *BACK), lines=CROSSED)
    for outcome in detect_all(window):
        if isinstance(outcome, Finding):
            check(outcome)
