"""Children of a process with a probe in it: clean at once, or with a probe of their own when a host asked for that."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdiag.attach.channel import Channel, find_door
from kdiag.attach.process import read_facts
from tests.support.interpreters import each_interpreter
from tests.support.probed import probed, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.interpreters import Interpreter
    from tests.support.probed import Probed

# From 3.12 on Python warns when a process forks that has more than one thread: ours must not be one.
LOUD = {"PYTHONWARNINGS": "default"}
QUIET = {"PYTHONWARNINGS": "ignore"}
# Python 3.13.0 counts the threads after all that is called after a fork, so those that come back are counted.
COUNTS_LATE = (3, 13)
ITS_TRACE = ("main_names",)  # the `__warningregistry__` of the module that forks
NOT_INHERITED = {"threads", "main_thread", "descriptors"}  # the child's own number, and the pipe that it answers by


@contextlib.contextmanager
def child_of(process: Probed, command: str = "fork", seconds: float = 0.0) -> Iterator[tuple[int, dict[str, Any]]]:
    """A child, and what it saw when it had just been forked."""
    answer = process.do(command, seconds=seconds)
    try:
        yield answer["pid"], answer["snapshot"]
    finally:
        if seconds:
            os.kill(answer["pid"], signal.SIGKILL)
        process.do("reap", pid=answer["pid"])


def environment(python: Interpreter) -> dict[str, str]:
    """Warnings shown, where there must be none."""
    return QUIET if python.minor == COUNTS_LATE else LOUD


def trace(python: Interpreter) -> tuple[str, ...]:
    """What may remain."""
    return ITS_TRACE if python.minor == COUNTS_LATE else ()


def assert_clean(process: Probed, child: dict[str, Any]) -> None:
    """A child consists of what its parent consisted of before the probe came."""
    differences = {
        name: (value, child[name])
        for name, value in process.before.items()
        if name not in NOT_INHERITED and child[name] != value
    }
    assert not differences
    inherited = {each for each in child["descriptors"] if "pipe:" not in each}
    assert inherited <= set(process.before["descriptors"])


@each_interpreter(one_per_minor=True)
def test_a_child_is_clean_and_the_parent_keeps_its_probe(python: Interpreter) -> None:
    with probed(python, env=environment(python)) as process:
        with process.enter() as channel:
            channel.request("start", sensors=["gc", "memory"])
            with child_of(process) as (_, child):
                assert_clean(process, child)
                assert len(child["threads"]) == 1
            assert process.door()
            assert channel.hello().crashes == 0
            assert "kdiag-sensors" in process.do("snapshot")["python_threads"]
        process.assert_clean(trace(python))


@each_interpreter(one_per_minor=True)
def test_a_child_of_a_thread_is_clean(python: Interpreter) -> None:
    with probed(python, env=QUIET) as process, process.enter() as channel:
        channel.request("start", sensors=["gc", "memory"])
        with child_of(process, "fork_in_a_thread") as (_, child):
            assert child["modules"] == []
            assert child["gc"] == process.before["gc"]
            assert child["fork_slot"] == 0
            assert len(child["threads"]) == 1
        assert channel.hello().crashes == 0


@each_interpreter(one_per_minor=True)
def test_many_children_while_it_works(python: Interpreter) -> None:
    with probed(python, env=environment(python)) as process:
        with process.enter() as channel:
            channel.request("start", sensors=["gc", "memory"])
            assert process.do("forks", count=30)["ends"] == [0] * 30
            assert channel.cost().crashes == 0
        process.assert_clean(trace(python))


@each_interpreter(one_per_minor=True)
def test_a_child_gets_a_probe_when_asked_for(python: Interpreter) -> None:
    with probed(python, env=environment(python)) as process:
        with process.enter(lease_s=30) as channel:
            channel.request("children", follow=True)
            with child_of(process, seconds=30) as (_, child), host_of_child(process) as inside:
                hello = inside.hello()
                assert hello.pid != channel.hello().pid
                assert hello.crashes == 0
                assert "kdiag-probe" in child["python_threads"]
                inside.leave()
        process.assert_clean(trace(python))


@contextlib.contextmanager
def host_of_child(process: Probed) -> Iterator[Channel]:
    """A host at the door of the only child; its number is the host's here, also where the child sees another."""
    (child,) = [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    until(lambda: find_door(read_facts(child)) is not None, "the child has no door")
    facts = read_facts(child)
    door = find_door(facts)
    assert door
    with Channel.connect(door, child, facts.uid) as channel:
        yield channel


def test_attaching_again_leaves_one_function_for_forks() -> None:
    with probed(env=LOUD) as process:
        for _ in range(3):
            process.enter().close()
        process.assert_clean()
        with child_of(process) as (_, child):
            assert_clean(process, child)
