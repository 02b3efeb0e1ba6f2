"""A probe comes, serves and leaves, in real processes of every interpreter: nothing stays and nothing is said."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.attach.channel import Channel, find_door
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError
from kdiag.probe import wire
from tests.support.interpreters import each_interpreter
from tests.support.probed import probed, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.interpreters import Interpreter

LEASE_S = 1.0


@each_interpreter()
def test_it_answers_and_leaves_nothing(python: Interpreter) -> None:
    with probed(python) as process:
        with process.enter() as channel:
            hello = channel.hello()
            assert hello.python == python.version
            assert hello.hosts == 1
            assert hello.boot_thread > 0
            assert not hello.preloaded
            assert hello.crashes == 0
            assert "kdiag-probe" in process.do("snapshot")["python_threads"]
            cost = channel.cost()
            assert cost.crashes == 0, cost
            channel.request("start", sensors=["gc", "threads", "loops", "memory"])
            assert process.do("remember_modules")["count"] > 20
        process.assert_clean()
        assert process.do("living_modules")["names"] == []


@each_interpreter(one_per_minor=True)
def test_again_and_again(python: Interpreter) -> None:
    with probed(python) as process:
        for _ in range(5):
            with process.enter() as channel:
                channel.hello()
            process.assert_clean()


@each_interpreter(one_per_minor=True)
def test_all_sensors_come_and_go(python: Interpreter) -> None:
    with probed(python) as process:
        with process.enter() as channel:
            names = channel.request("start", sensors=["gc", "memory"])["sensors"]
            assert sorted(names) == ["gc", "memory"]
            assert "kdiag-sensors" in process.do("snapshot")["python_threads"]
            data = channel.request("read", sensors={"gc": 0, "memory": 0})
            assert sorted(data) == ["gc", "memory"]
            cost = channel.cost()
            assert cost.crashes == 0, cost
            assert sorted(cost.buffered) == ["gc", "memory"]
        process.assert_clean()


@each_interpreter(one_per_minor=True)
def test_tracing_of_allocations_ends_with_the_host(python: Interpreter) -> None:
    with probed(python) as process:
        for leave in (Channel.close, kill_heart_of):
            channel = process.enter(LEASE_S)
            channel.request("start", sensors=["allocations"])
            channel.request("trace", seconds=60)
            assert process.do("snapshot")["tracemalloc"]
            leave(channel)
            process.assert_clean()


def test_tracing_of_the_services_own_is_left_alone() -> None:
    with probed(env={"PYTHONTRACEMALLOC": "1"}) as process:
        with process.enter() as channel:
            channel.request("start", sensors=["allocations"])
            channel.request("trace", seconds=0.01)

            def told() -> dict[str, Any]:
                found: dict[str, Any] = channel.request("read", sensors={"allocations": 0})["allocations"]
                return found

            until(lambda: told()["state"] != "tracing", "it ends")
            assert told()["foreign"]
            with pytest.raises(KdiagError) as refused:
                channel.request("trace", seconds=-1)
            assert refused.value.reference == "bad-request"
        assert process.before["tracemalloc"]
        process.assert_clean()


@each_interpreter(one_per_minor=True)
def test_without_a_host_it_leaves(python: Interpreter) -> None:
    with probed(python) as process:
        channel = process.enter(LEASE_S)
        channel.request("start", sensors=["gc"])
        kill_heart_of(channel)
        process.assert_clean()


def kill_heart_of(channel: Channel) -> None:
    """Leave a channel as a host does that is killed: without a word."""
    channel._closed.set()
    channel._connection.close()


def test_a_host_that_stays_keeps_it() -> None:
    with probed() as process, process.enter(LEASE_S * 3) as channel:
        time.sleep(LEASE_S * 5)  # the heartbeat is what is tested
        assert channel.hello().hosts == 1


def test_nobody_comes() -> None:
    with probed() as process:
        process.boot(wait_s=2.0)
        assert process.door()
        process.assert_clean()


def test_a_host_that_goes_without_a_bundle() -> None:
    with probed() as process:
        process.boot()
        come_without_a_bundle(process.door())
        process.assert_clean()


def come_without_a_bundle(door: Path) -> None:
    """Be a host that goes again at once: what waits for one ends sooner than by itself."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(door))


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\x05hello", b"\xff\xff\xff\xff", (1 << 22).to_bytes(4, "big") + b"x" * 100, b"\0\0\0\0"]
)
def test_a_bundle_that_is_none(data: bytes) -> None:
    with probed() as process:
        process.boot()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(process.door()))
            assert caller.recv(1) == wire.WANTS_BUNDLE
            caller.sendall(data)
        process.assert_clean()


def test_folders_that_cannot_be_used_are_passed_over(tmp_path: Path) -> None:
    with probed() as process:
        process.boot(parents=("/nowhere", "/proc", str(tmp_path)))
        door = tmp_path / f".kdiag-{os.geteuid()}-{process.pid}" / "door"
        until(door.exists, "no door")
        assert door.parent.stat().st_mode & 0o777 == 0o700
        assert door.stat().st_mode & 0o777 == 0o600
        come_without_a_bundle(door)
        until(lambda: not list(tmp_path.iterdir()), "the door stays")
        process.assert_clean()


def test_nowhere_to_be() -> None:
    with probed() as process:
        process.boot(parents=("/nowhere", "/proc"))
        process.assert_clean()


@each_interpreter(one_per_minor=True)
def test_two_hosts_share_it(python: Interpreter) -> None:
    with probed(python) as process:
        first = process.enter()
        second = process.connect()
        assert first.hello().hosts == second.hello().hosts == 2
        first.close()
        assert second.hello().hosts == 1
        second.close()
        process.assert_clean()


@each_interpreter(one_per_minor=True)
def test_what_a_host_tried_ends_with_it_though_another_stays(python: Interpreter) -> None:
    with probed(python) as process:
        killed, other = process.enter(), process.connect()

        def thresholds() -> list[int]:
            told: list[int] = other.request("read", sensors={"gc": 0})["gc"]["thresholds"]
            return told

        other.request("start", sensors=["gc", "maps"])
        before = thresholds()
        if python.version >= (3, 12):
            assert killed.request("scan", on=True)["count"]
        killed.request("try", action="thresholds", thresholds=[5000, 20], check=False)
        assert thresholds()[:2] == [5000, 20]
        kill_heart_of(killed)
        until(lambda: thresholds() == before, "what was tried stays")
        until(lambda: not other.request("cost")["buffered"]["maps"], "a scan stays")

        third = process.connect()
        third.request("try", action="thresholds", thresholds=[6000, 30], check=False)
        assert other.request("undo")["undone"]
        other.request("try", action="thresholds", thresholds=[7000, 30], check=False)
        kill_heart_of(third)
        until(lambda: other.hello().hosts == 1, "a killed host stays")
        assert thresholds()[0] == 7000  # a trial is its own host's
        other.close()
        process.assert_clean()


def test_leave_ends_it_for_all() -> None:
    with probed() as process:
        first, second = process.enter(), process.connect()
        second.leave()
        process.assert_clean()
        with pytest.raises(KdiagError) as error:
            first.hello()
        assert error.value.reference == "probe-gone"
        first.close()


def test_two_texts_at_once_make_one_door() -> None:
    with probed() as process:
        process.boot()
        process.boot()
        with process.connect() as channel:
            assert channel.hello().hosts == 1
            until(lambda: len(process.folders()) == 2, "no other door")
            (other,) = (each for each in process.folders() if not each.samefile(process.door().parent))
            come_without_a_bundle(other / "door")
        process.assert_clean()


def test_only_so_many_hosts() -> None:
    with probed() as process:
        channels = [process.enter(), *(process.connect() for _ in range(7))]
        ninth = process.connect()
        with pytest.raises(KdiagError) as error:
            ninth.hello()
        assert error.value.reference == "too-many-hosts"
        ninth.close()
        for channel in channels:
            channel.close()
        process.assert_clean()


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x02{}", b"\0\0\0\x01\xff" * 100, b"\xff" * 100_000]
)
def test_garbage_from_a_host_harms_nobody(data: bytes) -> None:
    with probed() as process:
        with process.enter() as channel:
            with socket.socket(socket.AF_UNIX) as rude:
                rude.connect(str(process.door()))
                with contextlib.suppress(OSError):  # dropped meanwhile
                    rude.sendall(data)
                rude.settimeout(60)
                rude.recv(100)
            assert channel.cost().crashes == 0
        process.assert_clean()


def test_a_host_that_does_not_read_is_dropped() -> None:
    with probed() as process:
        with process.enter(lease_s=LEASE_S) as channel, socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(str(process.door()))
            deaf.setblocking(False)
            question = wire.encode_request(1, "hello", {"version": 1})
            with pytest.raises((BlockingIOError, ConnectionError)):
                while True:
                    deaf.send(question)
            until(lambda: channel.hello().hosts == 1, "it is still there")
        process.assert_clean()


def test_unknown_methods_and_bad_parameters_are_refused() -> None:
    with probed() as process, process.enter() as channel:
        for method, parameters, reference in (
            ("eval", {"code": "1"}, "unknown-method"),
            ("start", {}, "bad-request"),
            ("start", {"sensors": ["nothing"]}, "unknown-sensor"),
            ("read", {"sensors": {"gc": 0}}, "sensor-not-started"),
            ("read", {"sensors": {"gc": "x"}}, "bad-request"),
            ("children", {"follow": 1}, "bad-request"),
            ("hello", {"version": 99}, "wrong-version"),
        ):
            with pytest.raises(KdiagError) as error:
                channel.request(method, **parameters)
            assert error.value.reference == reference
        assert channel.cost().crashes == 0


def test_a_target_that_is_killed_is_told_and_tidied_up() -> None:
    with probed() as process:
        channel = process.enter()
        folder = process.folders()[0]
        process.target.process.kill()
        process.target.process.wait()
        with pytest.raises(KdiagError) as error:
            channel.request("hello", version=1)
        assert error.value.reference == "target-ended"
        channel.close()
        assert not folder.exists()


def test_a_target_that_becomes_another_program() -> None:
    with probed() as process:
        channel = process.enter()
        process.order("become", seconds=60)
        with pytest.raises(KdiagError) as error:
            while True:
                channel.hello()
        assert error.value.reference == "probe-gone"
        until(lambda: find_door(read_facts(process.pid)) is None, "the kernel closes its sockets one by one")
        assert not process.folders()


def test_a_target_that_ends_by_itself_removes_its_door() -> None:
    with probed() as process:
        channel = process.enter()
        folder = process.folders()[0]
        process.close()
        process.target.process.wait(timeout=60)
        assert process.target.process.returncode == 0
        assert not folder.exists()
        channel.close()


def test_a_stopped_target_is_waited_for_no_longer_than_asked() -> None:
    with probed() as process, process.enter() as channel:
        process.stop()
        with pytest.raises(KdiagError) as error:
            channel.request("hello", 0.3, version=1)
        process.go_on()
        assert error.value.reference == "probe-silent"
        assert channel.hello().hosts == 1  # the late answer is passed over


def test_a_target_that_was_stopped_for_longer_than_a_lease_hears_its_host_first() -> None:
    with probed() as process, process.enter(LEASE_S * 3) as channel:
        process.stop()
        with pytest.raises(KdiagError):
            channel.request("hello", LEASE_S * 4, version=1)
        process.go_on()
        assert channel.hello().hosts == 1


def test_a_target_that_closes_all_descriptors_keeps_its_own() -> None:
    with probed() as process:
        channel = process.enter(LEASE_S)
        channel.hello()  # it has settled: no thread may close a file that it has just opened under that number
        process.do("close_descriptors")
        until(lambda: process.do("snapshot")["threads"] == process.before["threads"], "it leaves")
        assert all(process.do("mine_are_open")["open"])
        assert process.do("snapshot")["python_threads"] == ["MainThread"]
        assert process.do("snapshot")["modules"] == process.before["modules"]
        channel.close()
