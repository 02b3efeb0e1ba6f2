"""The host's side of a connection: whatever a probe, or what is none, answers, it is a clear error and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdiag.attach.channel import Channel
from kdiag.errors import KdiagError
from kdiag.probe import wire
from tests.unit.probe.test_wire import SLOW_CASES, almost_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

INIT = 1  # a process that lives
NOBODY = 2**22 + 1  # and one that does not: nobody waits to see whether it is about to end
HELLO = {
    "version": 1, "kdiag": "0", "pid": 5, "python": [3, 9, 1], "build": "release", "preloaded": False,
    "sensors": ["gc"], "boot_thread": 7, "hosts": 1, "crashes": 0,
}  # fmt: skip


class Ends:
    """A channel and the other end of it."""

    def __init__(self, pid: int = INIT) -> None:
        ours, self.theirs = socket.socketpair()
        self.channel = Channel(ours, pid)

    def say(self, *data: bytes) -> None:
        for each in data:
            self.theirs.sendall(each)

    def close(self) -> None:
        self.channel._closed.set()
        self.channel._connection.close()
        self.theirs.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def test_an_answer(ends: Ends) -> None:
    ends.say(wire.encode_answer(1, HELLO))
    hello = ends.channel.hello()
    assert (hello.python, hello.sensors, hello.boot_thread) == ((3, 9, 1), ("gc",), 7)
    (body,) = wire.Decoder(1000).feed(ends.theirs.recv(1000))
    assert wire.decode(body) == {"id": 1, "method": "hello", "params": {"version": wire.VERSION}}


def test_an_error_of_the_probe(ends: Ends) -> None:
    ends.say(wire.encode_error(1, "unknown-sensor", "there is none"), wire.encode_answer(2, {}))
    with pytest.raises(KdiagError, match="there is none") as error:
        ends.channel.request("start", sensors=["x"])
    assert error.value.reference == "unknown-sensor"
    assert ends.channel.request("heartbeat") == {}


@pytest.mark.parametrize(
    "change",
    [{"python": "3.9"}, {"build": "strange"}, {"pid": None}, {"sensors": 3}, {"version": "1"}, {"hosts": []}],
)
def test_what_is_typed_otherwise_is_not_believed(ends: Ends, change: dict[str, Any]) -> None:
    ends.say(wire.encode_answer(1, {**HELLO, **change}))
    with pytest.raises(KdiagError) as error:
        ends.channel.hello()
    assert error.value.reference == "probe-protocol"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff", b"HTTP/1.1 400 Bad Request\r\n\r\n", wire.frame(b"[]", 10), wire.frame(b"{}", 10),
        wire.encode_answer(5, {}), wire.frame(b'{"id":1,"result":[]}', 100), wire.frame(b'{"id":1,"error":1}', 100),
        wire.frame(b"[" * 100_000, 1_000_000), wire.frame(b'{"id":1,"error":{"reference":[]}}', 100),
    ],
)  # fmt: skip
def test_garbage_ends_the_connection(ends: Ends, data: bytes) -> None:
    ends.say(data)
    for _ in range(2):
        with pytest.raises(KdiagError) as error:
            ends.channel.request("hello")
        assert error.value.reference == "probe-protocol"


def test_a_late_answer_is_passed_over(ends: Ends) -> None:
    with pytest.raises(KdiagError) as error:
        ends.channel.request("slow", 0.001)
    assert error.value.reference == "probe-silent"
    ends.say(wire.encode_answer(1, {"late": 1}), wire.encode_answer(2, {"value": 2}))
    assert ends.channel.request("quick") == {"value": 2}


def test_a_probe_that_goes(ends: Ends) -> None:
    ends.theirs.close()
    for _ in range(2):
        with pytest.raises(KdiagError) as error:
            ends.channel.request("hello")
        assert error.value.reference == "probe-gone"


def test_its_last_words_are_heard(ends: Ends) -> None:
    ends.say(wire.encode_error(0, "too-many-hosts", "eight"))
    ends.theirs.close()
    with pytest.raises(KdiagError) as error:
        ends.channel.request("hello")
    assert error.value.reference == "too-many-hosts"


def test_many_threads_ask_at_once(ends: Ends) -> None:
    def probe() -> None:
        decoder = wire.Decoder(wire.MAX_REQUEST_BYTES)
        with contextlib.suppress(OSError):
            while data := ends.theirs.recv(4096):
                for body in decoder.feed(data):
                    request = wire.decode_request(body)
                    ends.say(wire.encode_answer(request.number, request.params))

    threading.Thread(target=probe, daemon=True).start()
    wrong: list[object] = []

    def ask(number: int) -> None:
        for step in range(50):
            answer = ends.channel.request("echo", value=[number, step])
            if answer != {"value": [number, step]}:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def answer_with(chunks: list[bytes]) -> None:
    ends = Ends(NOBODY)
    try:
        ends.say(*chunks)
        ends.theirs.shutdown(socket.SHUT_WR)
        for _ in range(len(chunks) + 1):
            with contextlib.suppress(KdiagError):
                assert isinstance(ends.channel.request("hello"), dict)
        assert ends.channel._decoder.buffered <= wire.MAX_ANSWER_BYTES + wire.HEADER_BYTES
    finally:
        ends.close()


@settings(max_examples=50)
@given(st.lists(almost_messages, max_size=6))
def test_any_bytes(chunks: list[bytes]) -> None:
    answer_with(chunks)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@settings(max_examples=SLOW_CASES)
@given(st.lists(almost_messages, max_size=6))
def test_any_bytes_many_times(chunks: list[bytes]) -> None:
    answer_with(chunks)
