"""The collector's state read from outside, against what every interpreter says of itself."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.memory import TargetEndedError
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background
from kdiag.sources.collector import CollectorSource
from kdiag.sources.collector_layout import UnknownLayoutError
from kdiag.sources.collector_reader import CollectorReader, FlagReader
from kdiag.sources.tools import SourceError
from tests.support.interpreters import each_interpreter, interpreters
from tests.support.targets import start_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import CollectorSample
    from tests.support.interpreters import Interpreter
    from tests.support.targets import Target

WATCHED_S = 3  # the target reports its truth once a second
UNKNOWN = (3, 8)  # a version that our own reader does not know, and pystack does


def watch(source: CollectorSource, target: Target) -> tuple[list[CollectorSample], float]:
    """Samples over some of the target's reports, and its own account of the share over the same time."""
    first = next_report(target)
    samples = []
    while (last := target.lines[-1])["wall_s"] < first["wall_s"] + WATCHED_S:
        samples.append(source.sample(background()))
        time.sleep(0.02)
    return samples, (last["gc_s"] - first["gc_s"]) / (last["wall_s"] - first["wall_s"])


def next_report(target: Target) -> dict[str, float]:
    seen = len(target.lines)
    deadline = time.monotonic() + 60
    while len(target.lines) == seen:
        assert time.monotonic() < deadline, "the target reports no more"
        time.sleep(0.005)
    return target.lines[-1]


def share(samples: list[CollectorSample]) -> float:
    return sum(sample.collecting for sample in samples) / sum(sample.reads for sample in samples)


def enough(source: CollectorSource, count: int) -> list[CollectorSample]:
    """So many samples with ten reads each; a reader that gets no processor on a busy machine takes more for them."""
    samples: list[CollectorSample] = []
    deadline = time.monotonic() + 60
    while len(samples) < count or sum(sample.reads for sample in samples) <= 10 * count:
        assert time.monotonic() < deadline, samples
        samples.append(source.sample(background()))
    return samples


@pytest.fixture
def unknown() -> Iterator[Target]:
    found = [each for each in interpreters(UNKNOWN) if each.minor == UNKNOWN]
    if not found:
        pytest.skip(f"no Python {UNKNOWN[0]}.{UNKNOWN[1]} here, as the one whose collector our reader does not know")
    with start_target("gc_pressure", python=found[0]) as target:
        yield target


@each_interpreter()
def test_the_state_is_what_the_interpreter_says(python: Interpreter) -> None:
    with start_target("_own_account", python=python) as target:
        reader = CollectorReader(target.pid)
        state = reader.read()
        reader.close()
    assert list(state.thresholds) == target.facts["thresholds"]
    assert list(state.collections) == target.facts["collections"]
    assert list(state.collected) == target.facts["collected"]
    assert state.enabled is target.facts["enabled"] is True
    assert state.collecting is False


@each_interpreter(one_per_minor=True)
def test_subinterpreters_are_counted_too(python: Interpreter) -> None:
    with start_target("_own_account", "subinterpreter", python=python) as target:
        state = CollectorReader(target.pid).read()
    assert list(state.collections) == target.facts["collections"]
    assert list(state.thresholds) == target.facts["thresholds"]
    assert state.enabled is False


@each_interpreter(one_per_minor=True)
def test_subinterpreters_come_and_go_while_it_is_read(python: Interpreter) -> None:
    with start_target("_own_account", "subinterpreters", python=python) as target:
        source = CollectorSource(target.pid, REAL)
        samples = enough(source, 4)
        source.close()
    assert all(list(sample.thresholds) == target.facts["thresholds"] for sample in samples)
    totals = [sum(sample.collections) for sample in samples]
    assert totals == sorted(totals)


@each_interpreter()
def test_the_share_is_what_the_target_logs(python: Interpreter) -> None:
    with start_target("gc_pressure", python=python) as target:
        source = CollectorSource(target.pid, REAL)
        for _ in range(8):  # a reader that gets no processor on a busy machine misses the short collections
            samples, truth = watch(source, target)
            print(f"{python.name}: {share(samples):.3f} read, {truth:.3f} true, {sum(s.reads for s in samples)} reads")
            if share(samples) == pytest.approx(truth, abs=0.05):
                break
        source.close()
    assert source.limitation is None
    assert {sample.tool for sample in samples} == {"memory"}
    assert truth > 0.5
    assert share(samples) == pytest.approx(truth, abs=0.05)
    totals = [sum(sample.collections) for sample in samples]
    assert totals == sorted(totals)
    assert totals[-1] > totals[0]
    assert max(sample.longest_s for sample in samples) > 0.01


@each_interpreter()
def test_an_idle_target_does_not_collect(python: Interpreter) -> None:
    with start_target("_own_account", python=python) as target:
        samples = enough(CollectorSource(target.pid, REAL), 1)
    assert {(sample.collecting, sample.longest_s) for sample in samples} == {(0, 0)}


def test_an_interpreter_that_we_do_not_know_is_read_by_pystack(unknown: Target) -> None:
    with pytest.raises(UnknownLayoutError) as error:
        CollectorReader(unknown.pid)
    assert error.value.cause == "Python " + ".".join(map(str, unknown.python.version))
    source = CollectorSource(unknown.pid, REAL)
    samples, truth = watch(source, unknown)
    assert source.limitation is not None
    assert source.limitation.reference == error.value.reference
    assert {sample.tool for sample in samples} == {"pystack"}
    assert share(samples) == pytest.approx(truth, abs=0.3)  # one read in 0.15 s tells no more


@each_interpreter((3, 11), one_per_minor=True)
def test_pystack_sees_the_same_flag(python: Interpreter) -> None:
    with start_target("gc_pressure", python=python) as target:
        reader = FlagReader(target.pid)
        states = []
        for _ in range(60):
            with contextlib.suppress(SourceError):  # pystack itself crashes now and then, more often on a busy machine
                states.append(reader.read())
            if len(states) == 20:
                break
        reader.close()
    assert len(states) > 15
    assert any(state.collecting for state in states)
    assert {(state.collections, state.thresholds, state.enabled) for state in states} == {((), (), None)}


def test_a_target_that_ends_is_told() -> None:
    with start_target("_own_account") as target:
        source = CollectorSource(target.pid, REAL)
        reader = CollectorReader(target.pid)
        target.process.kill()
        target.process.wait()
        with pytest.raises(TargetEndedError):
            reader.read()
        with pytest.raises(SourceError) as error:
            source.sample(background())
    assert error.value.reference == "target-ended"


def test_a_process_without_an_interpreter_is_refused() -> None:
    with pytest.raises(KdiagError):
        CollectorReader(2**22 - 1)


def test_a_reader_that_is_refused_leaves_no_descriptor_open(unknown: Target) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UnknownLayoutError):
        CollectorReader(unknown.pid)
    assert len(os.listdir("/proc/self/fd")) == before
