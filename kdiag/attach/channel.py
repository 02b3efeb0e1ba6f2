"""The connection to a probe: asks, gets answers or a clear error, and keeps the probe's lease alive meanwhile.

It is separate from finding and entering processes: whoever put the probe there, and whenever, it is talked to the same
way. Nothing that comes over it is believed: every message is bounded, decoded by type, and matched to its request.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import msgspec

from kdiag.attach.bundle import LEASE_S, bundle
from kdiag.attach.doors import Door, alive, find_door, gone
from kdiag.attach.memory import TargetEndedError
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.wait import WaitTimeout, jitter_until, poll_immediate
from kdiag.probe import wire

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.machinery.clock import Clock

__all__ = ["Channel", "Cost", "Hello", "find_door"]

T = TypeVar("T")

HEARTBEATS = 5  # in the time of a lease
HEARTBEAT_WITHIN_S = 0.5  # it is heard when the target gets to it; others want to ask
ANSWER_WITHIN_S = 10.0
LEAVE_WITHIN_S = 5.0
DIES_WITHIN_S = 0.3
READ_BYTES = 1 << 16


class Hello(msgspec.Struct, frozen=True):
    """Who the probe says it is.

    Attributes:
        pid: the target's process id as the target sees it.
        sensors: those that run.
        boot_thread: native id, as the target sees it, of the thread that ran the boot text; 0 when there was none.
        hosts: how many hosts are connected, this one included.
        crashes: of the probe's own code.
    """

    version: int
    kdiag: str
    pid: int
    python: tuple[int, int, int]
    build: Literal["release", "debug", "free-threaded"]
    preloaded: bool
    sensors: tuple[str, ...]
    boot_thread: int
    hosts: int
    crashes: int


class Cost(msgspec.Struct, frozen=True):
    """What the probe says it costs the target; seconds of processor time and of elapsed time."""

    cpu_s: float
    elapsed_s: float
    share: float
    longest_pause_s: float
    stretch: float
    dropped: dict[str, int]
    buffered: dict[str, int]
    crashes: int
    last_crash: str


class Channel:
    """One host's connection to one probe. Any thread may ask; requests go one after another."""

    def __init__(
        self,
        connection: socket.socket,
        pid: int,
        clock: Clock = REAL,
        door: Door | None = None,
        lease_s: float | None = None,
    ) -> None:
        self.pid = pid
        self._lease_s = LEASE_S if lease_s is None else lease_s
        self._connection = connection
        self._door = door
        self._clock = clock
        self._turn = threading.Lock()
        # All below is guarded by _turn.
        self._number = 0
        self._decoder = wire.Decoder(wire.MAX_ANSWER_BYTES)
        self._bodies: list[bytes] = []
        self._gone: KdiagError | None = None
        # Without it a probe leaves after some seconds.
        self._closed = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="kdiag-heartbeat", daemon=True)

    @classmethod
    def connect(cls, path: Path, pid: int, uid: int, clock: Clock = REAL, *, lease_s: float | None = None) -> Self:
        """Connect to the door at `path`, as we see it; a probe that waits for its sources is sent them.

        Args:
            uid: the target's effective user, as we see it.
            lease_s: how long a probe that is sent now stays without a host; the usual time when None.

        Raises:
            KdiagError: `probe-refused`: the door is not the target's, or it does not let us in; `probe-gone`;
                `probe-protocol`; `target-ended`.
        """
        door = Door(path, pid, uid)
        try:
            connection = door.enter()
        except BaseException:
            door.close()
            raise
        channel = cls(connection, pid, clock, door, lease_s)
        try:
            channel._greet()
        except BaseException:
            connection.close()
            channel._leave_door()
            raise
        channel._heart.start()
        return channel

    def request(self, method: str, within_s: float = ANSWER_WITHIN_S, **params: Any) -> dict[str, Any]:
        """Ask for `method` and return its result.

        Raises:
            KdiagError: `probe-gone`, `probe-protocol`, `probe-silent`, `target-ended`, or the probe's own reference.
        """
        deadline = time.monotonic() + within_s
        if not self._turn.acquire(timeout=within_s):
            raise _silent(self.pid, method, within_s)
        try:
            if self._gone:
                raise self._gone
            self._number += 1
            self._send(wire.encode_request(self._number, method, params), deadline)
            return self._answer(self._number, method, deadline)
        except wire.WireError as error:
            raise self._lose(_protocol(self.pid, str(error))) from error
        except TimeoutError as error:
            raise _silent(self.pid, method, within_s) from error
        except OSError as error:
            raise self._lose(self._last_words() or self._why_gone()) from error
        finally:
            self._turn.release()

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked any more: the probe left, or the connection was closed."""
        return self._gone is not None

    def hello(self) -> Hello:
        """Ask who the probe is."""
        return self._convert(self.request("hello", version=wire.VERSION), Hello)

    def cost(self) -> Cost:
        """Ask what the probe costs the target."""
        return self._convert(self.request("cost"), Cost)

    def close(self) -> None:
        """Say goodbye, and wait until a probe that leaves with us is gone; more than once does no harm."""
        self._end("bye")

    def leave(self) -> None:
        """Have the probe leave at once, whoever else talks to it, and wait until it is gone."""
        self._end("leave")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self, method: str) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        with contextlib.suppress(KdiagError):
            self.request(method, LEAVE_WITHIN_S)
            self._wait_for_the_end()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # wakes a heartbeat that waits for its answer
        self._connection.close()
        if self._heart.is_alive():
            self._heart.join(DIES_WITHIN_S)
        with self._turn:
            self._gone = self._gone or gone(self.pid, "this host has closed the connection")
        self._leave_door()

    def _leave_door(self) -> None:
        """Let go of the door, and remove it where the process has ended without doing so itself."""
        if self._door:
            if not alive(self.pid):
                self._door.remove()
            self._door.close()

    def _wait_for_the_end(self) -> None:
        """Wait until the probe closes the connection: it does so last of all."""
        with self._turn, contextlib.suppress(OSError):
            self._connection.settimeout(LEAVE_WITHIN_S)
            while self._connection.recv(READ_BYTES):
                pass

    def _beat(self) -> None:
        def beat() -> None:
            with contextlib.suppress(KdiagError):  # who asks for something is told
                self.request("heartbeat", HEARTBEAT_WITHIN_S)

        jitter_until(beat, self._lease_s / HEARTBEATS, jitter_factor=0.2, stop=self._closed, clock=self._clock)

    def _greet(self) -> None:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        try:
            greeting = self._receive(deadline, 1)
            if greeting == wire.WANTS_BUNDLE:
                self._send(bundle(self._lease_s), deadline)
                greeting = self._receive(deadline, 1)
        except TimeoutError as error:
            raise _silent(self.pid, "a greeting", ANSWER_WITHIN_S) from error
        except OSError as error:
            raise self._why_gone() from error
        if greeting != wire.SERVES:
            raise _protocol(self.pid, f"it greets with {greeting!r}")

    def _send(self, data: bytes, deadline: float) -> None:
        self._connection.settimeout(max(0.001, deadline - time.monotonic()))
        self._connection.sendall(data)

    def _receive(self, deadline: float, size: int = READ_BYTES) -> bytes:
        self._connection.settimeout(max(0.001, deadline - time.monotonic()))
        data = self._connection.recv(size)
        if not data:
            raise ConnectionResetError
        return data

    def _answer(self, number: int, method: str, deadline: float) -> dict[str, Any]:
        """The answer to a request; answers to earlier ones, which came too late, are passed over."""
        while True:
            while not self._bodies:
                self._bodies += self._decoder.feed(self._receive(deadline))
            message = wire.decode(self._bodies.pop(0))
            if message.get("id") == 0 and "error" in message:  # about the connection
                raise self._lose(self._error(message))
            if message.get("id") != number:
                if type(message.get("id")) is int and 0 < message["id"] < number:
                    continue
                raise wire.WireError(f"an answer to nothing that was asked ({method} was)")
            if "error" in message:
                raise self._error(message)
            if not isinstance(message.get("result"), dict):
                raise wire.WireError(f"an answer to {method} without a result")
            result: dict[str, Any] = message["result"]
            return result

    def _error(self, message: dict[str, Any]) -> KdiagError:
        error = message["error"]
        if not (isinstance(error, dict) and isinstance(error.get("reference"), str)):
            raise wire.WireError("an error without a reference")
        text = str(error.get("message", ""))
        return KdiagError(error["reference"], f"the probe in process {self.pid} refuses: {text}")

    def _lose(self, error: KdiagError) -> KdiagError:
        """Nothing more can be asked. The caller holds _turn."""
        self._gone = self._gone or error
        self._connection.close()
        return self._gone

    def _why_gone(self) -> KdiagError:
        """Why the connection ended; a process that dies closes its sockets some time before it is dead."""
        try:
            poll_immediate(lambda: not alive(self.pid), DIES_WITHIN_S / 20, DIES_WITHIN_S, clock=self._clock)
        except WaitTimeout:
            return gone(self.pid, "it left, or the process runs another program now")
        return TargetEndedError(self.pid)

    def _last_words(self) -> KdiagError | None:
        """What the probe said before it closed the connection."""
        with contextlib.suppress(OSError, wire.WireError):
            self._connection.settimeout(0)
            for body in self._decoder.feed(self._connection.recv(READ_BYTES)):
                message = wire.decode(body)
                if "error" in message:
                    return self._error(message)
        return None

    def _convert(self, result: dict[str, Any], kind: type[T]) -> T:
        try:
            return msgspec.convert(result, kind)
        except msgspec.ValidationError as error:
            raise _protocol(self.pid, str(error)) from error


def _silent(pid: int, what: str, within_s: float) -> KdiagError:
    message = f"the probe in process {pid} did not answer ({what}) within {within_s:g} s"
    cause = "the process is stopped, or something in it does not let go of the interpreter lock"
    return KdiagError("probe-silent", message, cause=cause, hint=f"kdiag stacks {pid} --attach none")


def _protocol(pid: int, what: str) -> KdiagError:
    message = f"what came from process {pid} is not of a kdiag probe that we know: {what}"
    return KdiagError(
        "probe-protocol", message, cause="a probe of another version, or no probe", hint=f"kdiag detach {pid}"
    )
