"""The server's side of connections, over real sockets in one thread and with a clock that is stepped."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdiag.machinery.clock import FakeClock
from kdiag.probe import wire
from kdiag.probe.crashes import Crashes
from kdiag.probe.fork import AtWork
from kdiag.probe.server import MAX_HOSTS, NOBODYS_UID, Host, Refusal, Server
from tests.unit.probe.test_wire import SLOW_CASES, almost_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_S = 10.0


class Scene:
    """A server and its hosts, in one process: the rule that our own connections are none is lifted."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.crashes = Crashes()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("")  # a name that the kernel makes up
        self.listener.listen(20)
        self.asked: list[str] = []
        self.server = Server(self.listener, self.answer, self.crashes, LEASE_S, AtWork(), self.clock.now)

    def answer(self, _host: Host, request: wire.Request) -> wire.Message:
        self.asked.append(request.method)
        if request.method == "crash":
            raise ZeroDivisionError
        if request.method == "refuse":
            raise Refusal("no", "not today")
        if request.method == "not-json":
            return {"value": object()}
        if request.method == "long":
            return {"text": "x" * wire.MAX_ANSWER_BYTES}
        return {"text": "x" * int(request.params.get("size", 0))}

    def join(self) -> Guest:
        ours, theirs = socket.socketpair()
        self.server.admit(_Peer(fileno=ours.detach()))
        return Guest(self, theirs)

    def close(self) -> None:
        self.server.close()


class _Peer(socket.socket):
    """A connection that comes from another process, as far as the server can tell."""

    uid = os.geteuid()

    def getsockopt(self, *what: Any) -> Any:
        if what[1] != socket.SO_PEERCRED:
            return super().getsockopt(*what)
        return (2**22 + 1).to_bytes(4, "little") + self.uid.to_bytes(4, "little") + bytes(4)


class Guest:
    """A host's end."""

    def __init__(self, scene: Scene, connection: socket.socket) -> None:
        connection.settimeout(0)
        self.scene = scene
        self.connection = connection
        self.decoder = wire.Decoder(wire.MAX_ANSWER_BYTES)
        self.ended = False
        self.greeting = b""

    def ask(self, method: str, number: int = 1, **params: Any) -> wire.Message:
        self.connection.sendall(wire.encode_request(number, method, params))
        (answer,) = self.turns()
        return answer

    def turns(self, count: int = 8) -> list[wire.Message]:
        """Let the server work until nothing more comes; what has come."""
        found: list[wire.Message] = []
        for _ in range(count):
            self.scene.server.turn(0)
            with contextlib.suppress(BlockingIOError):
                data = self.connection.recv(1 << 20)
                self.ended = self.ended or not data
                if not self.greeting:
                    self.greeting, data = data[:1], data[1:]
                found += map(wire.decode, self.decoder.feed(data))
        return found


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_it_greets_and_answers(scene: Scene) -> None:
    guest = scene.join()
    assert guest.ask("something", 7, size=3) == {"id": 7, "result": {"text": "xxx"}}
    assert guest.greeting == wire.SERVES


def test_a_stranger_is_not_let_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Peer, "uid", 12345)
    guest = scene.join()
    guest.turns(2)
    assert guest.ended
    assert not scene.server.hosts


def test_the_root_of_a_namespace_above_is_let_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Peer, "uid", NOBODYS_UID)
    scene.join()
    assert scene.server.hosts


def test_ourselves_only_knock(scene: Scene) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        scene.server.admit(ours)
        assert not scene.server.hosts


@pytest.mark.parametrize(
    ("method", "reference"),
    [("crash", "probe-crashed"), ("not-json", "probe-crashed"), ("refuse", "no"), ("long", "answer-too-long")],
)
def test_what_goes_wrong_is_answered(scene: Scene, method: str, reference: str) -> None:
    guest = scene.join()
    assert guest.ask(method, 5)["error"]["reference"] == reference
    assert guest.ask(method, 6)["id"] == 6
    assert scene.crashes.count == (2 if reference == "probe-crashed" else 0)


def test_bad_json_is_answered_and_lost_framing_ends_the_connection(scene: Scene) -> None:
    guest = scene.join()
    guest.connection.sendall(wire.frame(b"nonsense", 100))
    (answer,) = guest.turns()
    assert answer["error"]["reference"] == "bad-request"
    assert guest.ask("something")["result"]
    guest.connection.sendall(b"\xff" * 8)
    (answer,) = guest.turns()
    assert answer == {"id": 0, "error": answer["error"]}
    assert answer["error"]["reference"] == "bad-request"
    assert guest.ended


def test_one_host_too_many(scene: Scene) -> None:
    guests = [scene.join() for _ in range(MAX_HOSTS + 1)]
    (answer,) = guests[-1].turns()
    assert answer["error"]["reference"] == "too-many-hosts"
    assert guests[-1].ended
    assert guests[0].ask("something")["result"]


def test_a_host_that_says_nothing_is_dropped_after_its_lease(scene: Scene) -> None:
    silent, talking = scene.join(), scene.join()
    scene.clock.step(LEASE_S - 1)
    talking.ask("something")
    assert len(scene.server.hosts) == 2
    scene.clock.step(1)
    silent.turns(2)
    assert silent.ended
    assert len(scene.server.hosts) == 1
    assert not scene.server.lease.expired
    scene.clock.step(LEASE_S - 1)
    assert scene.server.lease.expired


def test_the_lease_outlives_the_connection(scene: Scene) -> None:
    guest = scene.join()
    guest.connection.close()
    scene.server.turn(0)
    assert not scene.server.hosts
    scene.clock.step(LEASE_S - 1)
    assert not scene.server.lease.expired


def test_a_host_that_does_not_read_holds_one_answer_only(scene: Scene) -> None:
    deaf, other = scene.join(), scene.join()
    for number in range(50):
        deaf.connection.sendall(wire.encode_request(number, "something", {"size": 1_000_000}))
    for _ in range(100):
        scene.server.turn(0)
    host = next(iter(scene.server.hosts.values()))
    assert 0 < host.owed < 1_100_000
    assert len(scene.asked) == 1
    assert other.ask("something")["result"]
    assert [each["id"] for each in deaf.turns(2000)] == list(range(50))


def test_a_socket_whose_number_is_anothers_by_now_is_left_alone(scene: Scene) -> None:
    guest = scene.join()
    host = next(iter(scene.server.hosts.values()))
    reading, writing = os.pipe()
    os.dup2(reading, host.connection.descriptor)
    os.close(reading)
    os.write(writing, b"the service's own")
    guest.turns(3)
    assert not scene.server.hosts
    assert os.read(host.connection.descriptor, 100) == b"the service's own"
    os.close(host.connection.descriptor)
    os.close(writing)


def bombard(chunks: list[bytes]) -> None:
    scene = Scene()
    try:
        rude, polite = scene.join(), scene.join()
        for chunk in chunks:
            with contextlib.suppress(OSError):
                rude.connection.sendall(chunk)
            scene.server.turn(0)
        for host in scene.server.hosts.values():
            assert host.owed <= wire.MAX_ANSWER_BYTES
        rude.connection.close()
        assert polite.ask("something")["result"] == {"text": ""}
        polite.connection.close()
        assert scene.crashes.count == 0, scene.crashes.last
    finally:
        scene.close()


@settings(max_examples=50)
@given(st.lists(almost_messages, max_size=6))
def test_any_bytes_harm_nobody(chunks: list[bytes]) -> None:
    bombard(chunks)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@settings(max_examples=SLOW_CASES)
@given(st.lists(almost_messages, max_size=6))
def test_any_bytes_harm_nobody_many_times(chunks: list[bytes]) -> None:
    bombard(chunks)
