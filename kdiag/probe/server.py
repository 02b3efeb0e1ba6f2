"""Talks with hosts: one thread that accepts, reads, answers, and never waits for a host.

It is separate from what the answers say (`lifecycle`): here is only what a connection may do to us.

- At most `MAX_HOSTS` hosts; one that has not been heard of for a lease, or does not read, is dropped.
- A host is read from only while it has read all its answers, so what is kept for one is bounded.
- Nothing that comes over a connection raises out of here.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import time
from collections import deque

from . import wire
from .lease import Lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .crashes import Crashes
    from .fork import AtWork

MAX_HOSTS = 8
READ_BYTES = 64 * 1024
ACCEPT_PAUSE_S = 1.0  # after accepting failed: a service that ran out of descriptors must not make us spin
SO_COOKIE = 57  # not among Python's constants before 3.14
NOBODYS_UID = 65534  # of the root of a user namespace above, who has no number here; see `boot`


class Refusal(Exception):  # noqa: N818 - no error of ours
    """An answer that says no."""

    def __init__(self, reference: str, message: str) -> None:
        super().__init__(message)
        self.reference = reference


class Owned:
    """A socket of ours, as long as it is ours.

    A service may close all descriptors that it does not know, and open others under their numbers. Nothing may be
    accepted on, read from or closed under such a number.
    """

    def __init__(self, socket: Any) -> None:
        socket.setblocking(False)
        self.socket = socket
        self.descriptor: int = socket.fileno()
        self._identity = self._look()

    @property
    def intact(self) -> bool:
        """Whether the number still means our socket."""
        return self._identity is not None and self._look() == self._identity

    def close(self) -> None:
        """Close it if it is ours."""
        if self.intact:
            self.socket.close()
        else:
            self.socket.detach()

    def _look(self) -> object:
        """What the number stands for; None for nothing.

        Asked for all the time, and unlike `fstat` the cookie is had without giving the GIL away, which costs us 5 ms
        for every thread that computes. Kernels before 4.12 have none.
        """
        try:
            return self.socket.getsockopt(_socket.SOL_SOCKET, SO_COOKIE, 8)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                return None
        try:
            status = os.fstat(self.descriptor)
        except OSError:
            return None
        return status.st_ino, status.st_dev


class Host:
    """One connection, and what is on its way in and out."""

    def __init__(self, connection: Owned, lease: Lease) -> None:
        self.connection = connection
        self.lease = lease
        self.leaving = False  # it said goodbye: it goes once it has its answer
        self.requests: deque[bytes] = deque()
        self.at_end: dict[str, Callable[[], object]] = {}  # takes back what it began for itself, by what that is
        self._decoder = wire.Decoder(wire.MAX_REQUEST_BYTES)
        self._out = bytearray()

    @property
    def owed(self) -> int:
        """How many bytes it has yet to read."""
        return len(self._out)

    def read(self) -> bool:
        """Take in what has come; False when the connection has ended."""
        try:
            data = self.connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.requests.extend(self._decoder.feed(data))
        return bool(data)

    def say(self, data: bytes) -> None:
        """Queue bytes for it."""
        self._out += data

    def write(self) -> bool:
        """Send what it takes; False when the connection has ended."""
        try:
            while self._out:
                del self._out[: self.connection.socket.send(self._out[:READ_BYTES])]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


class Server:
    """The hosts of one probe."""

    def __init__(
        self,
        listener: Any,
        answer: Callable[[Host, wire.Request], wire.Message],
        crashes: Crashes,
        lease_s: float,
        at_work: AtWork,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_work = at_work
        self._listener = Owned(listener)
        self._answer = answer
        self._crashes = crashes
        self._lease_s = lease_s
        self._now = now
        self._accept_again_at = now()
        self.lease = Lease(lease_s, now)  # any living host's; it outlives connections, for a host may come back
        self.hosts: dict[int, Host] = {}  # by descriptor

    @property
    def reachable(self) -> bool:
        """Whether hosts can still come."""
        return self._listener.intact

    def admit(self, connection: Any) -> None:
        """Greet a connection; refuse it when it is nobody's whom we may talk to, or one too many.

        One from our own process only wants us to wake up, see `lifecycle`.
        """
        peer = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        pid, uid = (int.from_bytes(peer[start : start + 4], "little") for start in (0, 4))
        if pid == os.getpid() or uid not in {os.geteuid(), 0, NOBODYS_UID}:
            connection.close()
            return
        host = Host(Owned(connection), Lease(self._lease_s, self._now))
        host.say(wire.SERVES)
        if len(self.hosts) >= MAX_HOSTS:
            host.say(wire.encode_error(0, "too-many-hosts", f"{MAX_HOSTS} hosts are connected already"))
            host.write()
            host.connection.close()
            return
        self.hosts[host.connection.descriptor] = host
        self.lease.renew()
        host.write()

    def turn(self, timeout_s: float) -> None:
        """Wait until something comes, at most `timeout_s`, and deal with it and with what has expired."""
        # Dropped is who was late before we looked and after: a process that was stopped hears its hosts first.
        late = [host for host in self.hosts.values() if host.lease.expired]
        ready = self._wait(timeout_s)
        with self._at_work:
            for descriptor in ready:
                host = self.hosts.get(descriptor)
                if host is None:
                    self._accept()
                elif not (host.connection.intact and self._serve(host)):
                    self.drop(host)
            for host in late:
                if host.lease.expired and host in self.hosts.values():
                    self.drop(host)

    def drop(self, host: Host) -> None:
        """End a connection, and what its host began for itself."""
        self.hosts.pop(host.connection.descriptor, None)
        for take_back in host.at_end.values():
            with self._crashes:
                take_back()
        host.connection.close()

    def end_hosts(self) -> None:
        """End all connections."""
        for host in list(self.hosts.values()):
            self.drop(host)

    def close(self) -> None:
        """End all connections, and listen no more."""
        self.end_hosts()
        self._listener.close()

    def _wait(self, timeout_s: float) -> list[int]:
        due = [descriptor for descriptor, host in self.hosts.items() if host.requests and not host.owed]
        if due:
            timeout_s = 0.0
        now = self._now()
        poll = select.poll()
        if now >= self._accept_again_at:
            poll.register(self._listener.descriptor, select.POLLIN)
        else:
            timeout_s = min(timeout_s, self._accept_again_at - now)
        for descriptor, host in self.hosts.items():
            poll.register(descriptor, select.POLLOUT if host.owed else select.POLLIN)
            timeout_s = min(timeout_s, host.lease.left_s)
        # Asked twice: after the process was stopped (SIGSTOP) time is over, and Python does not look again.
        events = poll.poll(_milliseconds(timeout_s)) or poll.poll(0)
        ready = [descriptor for descriptor, _ in events]
        return list({*due, *ready})

    def _accept(self) -> None:
        if not self._listener.intact:
            return
        try:
            descriptor, _ = self._listener.socket._accept()
            self.admit(_socket.socket(fileno=descriptor))
        except BlockingIOError:
            pass
        except OSError:
            self._accept_again_at = self._now() + ACCEPT_PAUSE_S

    def _serve(self, host: Host) -> bool:
        """Read from a host, answer one request, write to it; False when it is to be dropped."""
        alive = host.write()
        if host.owed or not alive:
            return alive
        try:
            if not host.requests and not host.read():
                return False
        except wire.WireError as error:
            host.say(wire.encode_error(0, "bad-request", str(error)))
            host.write()
            return False
        if host.requests:
            host.say(self._reply(host, host.requests.popleft()))
            alive = host.write()
        return alive and not (host.leaving and not host.owed)

    def _reply(self, host: Host, body: bytes) -> bytes:
        number = 0
        try:
            request = wire.decode_request(body)
            number = request.number
            try:
                answer = self._answer(host, request)
            finally:  # how long the answer took is no silence of the host's
                host.lease.renew()
                self.lease.renew()
            return wire.encode_answer(number, answer)
        except wire.WireError as error:
            return wire.encode_error(number, "bad-request" if number == 0 else "answer-too-long", str(error))
        except Refusal as refusal:
            return wire.encode_error(number, refusal.reference, str(refusal))
        except Exception as error:
            self._crashes.note(error)
            return wire.encode_error(number, "probe-crashed", self._crashes.last)


def _milliseconds(seconds: float) -> int:
    """Rounded up, so that what is waited for has come: without `math`, which may have to be loaded from a file."""
    return -int(-max(0.0, seconds) * 1000 // 1)
