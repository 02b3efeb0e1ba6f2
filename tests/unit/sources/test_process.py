"""The accounts of a process, on this one."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery.clock import REAL, FakeClock
from kdiag.machinery.context import background
from kdiag.sources.own_threads import OwnThreads
from kdiag.sources.pace import Pace
from kdiag.sources.process import ProcessSource, descriptor_kind
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from pathlib import Path


def _source(clock: FakeClock) -> ProcessSource:
    return ProcessSource(os.getpid(), Pace(0.5, 3.0, 0.03), clock, OwnThreads(os.getpid()))


def test_a_sample_has_every_account(tmp_path: Path) -> None:
    source = _source(FakeClock())
    with socket.create_server(("127.0.0.1", 0)), (tmp_path / "kept-open").open("w"):
        sample = source.sample(background())
    assert sample.cpu_s > 0
    assert sample.rss > 1_000_000
    assert sample.uss
    assert sample.threads >= 1
    assert os.getpid() in sample.thread_cpu_s
    assert sample.listening
    assert sample.descriptors is not None
    assert sample.descriptors["socket"] >= 1
    assert sample.descriptor_names[str(tmp_path / "kept-open")] == 1
    assert sample.descriptor_limit


def test_what_a_probe_has_open_is_not_the_targets(tmp_path: Path) -> None:
    gc.collect()  # what earlier tests have left open is not closed between the two looks
    before = _source(FakeClock()).sample(background()).descriptors
    state, door = tmp_path / ".kdiag-0-crashes", tmp_path / ".kdiag-0-4711-4712"
    for folder in (state, door):
        folder.mkdir()
    with (
        (state / "fatal-4711-0a1b2c3d.txt").open("w"),
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as host,
    ):
        listener.bind(f"{door}/door")
        listener.listen()
        host.connect(f"{door}/door")
        with listener.accept()[0]:
            sample = _source(FakeClock()).sample(background())
    assert before is not None
    assert sample.descriptors == {**before, "socket": before.get("socket", 0) + 1}  # the host's end is ours, here
    assert not any("fatal-" in name for name in sample.descriptor_names)


def test_what_is_dear_is_read_seldom() -> None:
    clock = FakeClock()
    source = _source(clock)
    first = source.sample(background())
    clock.step(0.5)
    soon = source.sample(background())
    clock.step(60.0)
    later = source.sample(background())
    assert (first.uss is None, soon.uss is None, later.uss is None) == (False, True, False)
    assert (bool(first.thread_cpu_s), bool(soon.thread_cpu_s), bool(later.thread_cpu_s)) == (True, False, True)


@pytest.mark.parametrize(
    ("target", "kind"),
    [("/srv/a", "file"), ("socket:[1]", "socket"), ("pipe:[1]", "pipe"), ("anon_inode:[eventpoll]", "anon")],
)
def test_kinds_of_descriptors(target: str, kind: str) -> None:
    assert descriptor_kind(target) == kind


def test_a_process_that_is_gone_says_so() -> None:
    with pytest.raises(SourceError) as caught:
        ProcessSource(2**22 - 1, Pace(0.5, 3.0, 0.03), REAL, OwnThreads(2**22 - 1))
    assert caught.value.reference == "target-ended"


def test_a_process_that_has_ended_and_was_not_waited_for_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        source = ProcessSource(process.pid, Pace(0.5, 3.0, 0.03), FakeClock(), OwnThreads(process.pid))
        assert source.sample(background()).rss > 0
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(SourceError) as caught:
            source.sample(background())
    assert caught.value.reference == "target-ended"
