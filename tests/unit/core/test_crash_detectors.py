"""nil-dereference and unhandled-crash: what counts, how much, and what is ordinary control flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kdiag.core.detectors import nil_dereference, unhandled_crash
from kdiag.core.model import CrashAccount, CrashFrame, CrashGroup, NilUsed, Severity, Window
from kdiag.core.series import poisson_low
from kdiag.core.verdict import conclude
from tests.support.crashes import FILE, LISTED, crash, marked
from tests.support.inside import with_probe
from tests.support.windows import SITE, STDLIB, found, idle_main, scene

NIL, SOURCES = crash(LISTED)


def told(group: CrashGroup, by: str, count: int, ended: int = 0, **changes: Any) -> CrashGroup:
    return replace(group, count=count, ended=ended, by={by: count}, **changes)


def window(*groups: CrashGroup, sources: dict[str, str] = SOURCES, seconds: float = 10.0) -> Window:
    """A window in whose third sample these were told of."""
    seen = with_probe(scene(idle_main(), seconds=seconds))
    samples = list(seen.probe)
    samples[2] = replace(samples[2], crashes=CrashAccount(("logging",), raises=True, groups=groups))
    return replace(seen, probe=tuple(samples), sources=sources)


def caught(handler: str) -> tuple[CrashGroup, dict[str, str]]:
    """The crash, raised where a handler is around it."""
    source = LISTED.replace(
        'return place("p")', f'try:\n        return place("p")\n    {handler}\n        pass\ndef other(): pass'
    )
    frames = (NIL.frames[0], replace(NIL.frames[1], line=12, span=None))
    return replace(NIL, frames=frames), {FILE: source}


def test_a_thread_that_ended_is_a_warning_with_expression_name_and_origin() -> None:
    finding = found(nil_dereference.detect(window(told(NIL, "threading.excepthook", 1, 1))))
    (culprit,), (origin,) = marked(LISTED, "CULPRIT"), marked(LISTED, "ORIGIN")
    assert finding.title == (
        f"node.name raised AttributeError once at cache.py:{culprit} and ended thread 'worker': "
        f"node was None, from `node = lister.get('b')` at cache.py:{origin}"
    )
    assert (finding.severity, finding.suspected) == ("warning", False)
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.object, finding.culprit.thread) == (culprit, "node", "worker")
    assert [(place.role, place.line) for place in finding.places] == [("origin", origin), ("returns", 5)]
    assert "It is certain that node was None." in finding.summary
    assert {number.source for number in finding.evidence} == {"probe.crashes"}
    assert {number.metric: number.value for number in finding.evidence} == {
        "crash.count": 1, "crash.rate": 0.1, "crash.ended": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("by", "count", "ended", "severity"),
    [
        ("logging", 2, 0, None),
        ("logging", 3, 0, "warning"),
        ("logging", 10, 0, "warning"),  # ten in ten seconds may come by chance
        ("logging", 20, 0, "critical"),
        ("concurrent.futures", 3, 0, "warning"),
        ("sys.monitoring", 2, 0, None),
        ("sys.monitoring", 3, 0, "warning"),
        ("asyncio", 1, 1, "warning"),
    ],
)
def test_thresholds(by: str, count: int, ended: int, severity: Severity | None) -> None:
    outcome = nil_dereference.detect(window(told(NIL, by, count, ended)))
    assert (found(outcome).severity if outcome else None) == severity


LIBRARY = CrashFrame(f"{SITE}/werkzeug/http.py", 9, "parse")


@pytest.mark.parametrize(("count", "severity"), [(5, None), (50, None), (500, "info")])
def test_what_a_library_swallows_is_its_own_affair(count: int, severity: Severity | None) -> None:
    inside = replace(NIL, frames=(LIBRARY, *NIL.frames))
    outcome = nil_dereference.detect(window(told(inside, "sys.monitoring", count)))
    assert (found(outcome).severity if outcome else None) == severity
    assert found(nil_dereference.detect(window(told(inside, "logging", 5)))).severity == "warning"


@pytest.mark.parametrize(
    ("handler", "count", "severity"),
    [
        ("except Exception:", 3, "warning"),
        ("except Exception:", 30, "critical"),
        ("except AttributeError:", 9, None),
        ("except AttributeError:", 30, "warning"),
    ],
)
def test_what_is_expected_by_name_counts_only_when_it_comes_all_the_time(
    handler: str, count: int, severity: Severity | None
) -> None:
    group, sources = caught(handler)
    outcome = nil_dereference.detect(window(told(group, "sys.monitoring", count), sources=sources))
    assert (found(outcome).severity if outcome else None) == severity
    if outcome:
        swallows = [place.line for place in found(outcome).places if place.role == "swallows"]
        assert swallows == [13]


def test_one_that_was_raised_and_told_of_later_is_not_swallowed() -> None:
    first = told(NIL, "sys.monitoring", 4)
    seen = window(first)
    later = replace(NIL, count=0, ended=0, by={"sys.monitoring": -4, "concurrent.futures": 4})
    samples = list(seen.probe)
    samples[5] = replace(samples[5], crashes=CrashAccount(groups=(later,)))
    finding = found(nil_dereference.detect(replace(seen, probe=tuple(samples))))
    assert "concurrent.futures told of 4." in finding.summary
    assert "swallowed" not in finding.summary


def test_several_fingerprints_are_one_finding_that_names_the_others() -> None:
    other = replace(told(NIL, "logging", 4), number=2, frames=(CrashFrame("/srv/shop/web.py", 77, "view"),))
    finding = found(nil_dereference.detect(window(other, told(NIL, "threading.excepthook", 1, 1))))
    assert "cache.py" in finding.title
    assert "None was also used at web.py:77." in finding.summary
    assert [(place.file, place.line) for place in finding.places if place.role == "raises"] == [
        ("/srv/shop/web.py", 77)
    ]


def test_without_source_the_finding_says_so() -> None:
    finding = found(nil_dereference.detect(window(told(NIL, "logging", 3), sources={})))
    assert "not to be seen in the sources" in finding.summary
    used = NilUsed(("node",), "attribute", "name", stored_at=8)
    finding = found(nil_dereference.detect(window(told(NIL, "logging", 3, used=used), sources={})))
    assert finding.title.endswith(": node was None; it was last stored at cache.py:8")
    assert "`node` was last stored at cache.py:8." in finding.summary


@pytest.mark.parametrize("detector", [nil_dereference, unhandled_crash])
def test_nothing_is_said_without_a_probe_or_without_crashes(detector: Any) -> None:
    assert detector.detect(scene(idle_main())) is None
    assert detector.detect(with_probe(scene(idle_main()))) is None


def broken(kind: str = "ValueError", *frames: CrashFrame) -> CrashGroup:
    inner = frames or (CrashFrame("/srv/shop/app.py", 20, "parse"), CrashFrame("/srv/shop/app.py", 9, "run"))
    return replace(NIL, number=7, type=kind, kind="other", message="", frames=inner)


@pytest.mark.parametrize(
    ("by", "count", "ended", "severity"),
    [
        ("threading.excepthook", 1, 1, "warning"),
        ("sys.unraisablehook", 2, 0, None),
        ("sys.unraisablehook", 3, 0, "warning"),
        ("threading.excepthook", 30, 30, "critical"),
        ("logging", 100, 0, "info"),
        ("logging", 2, 0, None),
        ("sys.monitoring", 1000, 0, None),
    ],
)
def test_other_exceptions(by: str, count: int, ended: int, severity: Severity | None) -> None:
    outcome = unhandled_crash.detect(window(told(broken(), by, count, ended)))
    assert (found(outcome).severity if outcome else None) == severity
    assert nil_dereference.detect(window(told(broken(), by, count, ended))) is None


@pytest.mark.parametrize("kind", ["SystemExit", "asyncio.exceptions.CancelledError", "StopIteration"])
def test_control_flow_is_no_crash(kind: str) -> None:
    assert unhandled_crash.detect(window(told(broken(kind), "threading.excepthook", 9, 9))) is None


def _framework(handler: str) -> tuple[CrashFrame, str, dict[str, str]]:
    file = f"{SITE}/flask/app.py"
    text = f"def wsgi_app():\n    try:\n        view()\n    {handler}\n        log()\n"
    return CrashFrame(file, 3, "wsgi_app"), file, {file: text}


def test_what_a_framework_catches_at_its_top_was_caught_by_nobody_of_the_services() -> None:
    frame, _, sources = _framework("except Exception as error:")
    crashed = broken("ValueError", CrashFrame("/srv/shop/app.py", 20, "view"), frame)
    finding = found(unhandled_crash.detect(window(told(crashed, "logging", 5), sources=sources)))
    assert finding.severity == "warning"
    assert finding.title == "ValueError was raised 5 times at app.py:20 in view"


def test_the_same_function_with_a_none_is_the_cause() -> None:
    both = (told(NIL, "logging", 4), told(broken("RuntimeError", *NIL.frames), "threading.excepthook", 2, 2))
    seen = window(*both)
    outcomes = [nil_dereference.detect(seen), unhandled_crash.detect(seen)]
    (kept,) = conclude(seen, outcomes).findings
    assert kept.verdict == "nil-dereference"
    assert kept.related[0].startswith("unhandled-crash: RuntimeError")


@pytest.mark.parametrize(("count", "low"), [(1, 0.0253), (3, 0.619), (10, 4.795), (100, 81.36)])
def test_the_lower_bound_of_a_count(count: int, low: float) -> None:
    assert poisson_low(count) == pytest.approx(low, rel=0.02, abs=0.02)
    assert poisson_low(0) == 0.0


def test_the_standard_library_is_no_culprit() -> None:
    inside = replace(NIL, frames=(CrashFrame(f"{STDLIB}/json/__init__.py", 339, "loads"), *NIL.frames))
    finding = found(nil_dereference.detect(window(told(inside, "logging", 3))))
    assert finding.culprit is not None
    assert finding.culprit.file == FILE
