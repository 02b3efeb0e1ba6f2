"""Requests to a target over loopback: bounded in clients, number and time.

Separate from `targets`, because most targets need none, and because its threads must end even while the target never
answers: that is what an exhausted pool looks like from outside.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

LOOPBACK = "127.0.0.1"


class Traffic:
    """Clients that ask for one path again and again until they are stopped, or their bounds are reached.

    `answered` and `failed` are written under `_lock` by the clients and may be read at any time.
    """

    def __init__(
        self,
        port: int,
        path: str = "/",
        *,
        clients: int = 4,
        pause_s: float = 0.01,
        requests: int = 100_000,
        seconds: float = 300.0,
        timeout_s: float = 300.0,
    ) -> None:
        self.answered = 0
        self.failed = 0
        self._address = (LOOPBACK, port)
        self._path = path
        self._pause_s = pause_s
        self._left = requests
        self._deadline = time.monotonic() + seconds
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._open: set[http.client.HTTPConnection] = set()
        self._threads = [threading.Thread(target=self._run, name=f"client-{n}", daemon=True) for n in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all clients, those that wait for an answer included, and join them."""
        self._stop.set()
        with self._lock:
            waiting = list(self._open)
        for connection in waiting:
            # Only a shutdown wakes a thread that is blocked in recv; close does not.
            sock = connection.sock  # its client may be closing it at this moment
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def wait(self, timeout_s: float = 60.0) -> None:
        """Wait until all requests are made; raises when that takes longer than `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise TimeoutError(f"{self.answered} requests answered after {timeout_s:g} s")

    def _run(self) -> None:
        while self._take():
            answered = self._ask()
            with self._lock:
                self.answered += answered
                self.failed += not answered and not self._stop.is_set()
            self._stop.wait(self._pause_s)

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0 and not self._stop.is_set() and time.monotonic() < self._deadline

    def _ask(self) -> bool:
        connection = http.client.HTTPConnection(*self._address, timeout=self._timeout_s)
        try:
            # Connected and listed under one lock, so that `stop` either sees the socket or prevents it.
            connection.connect()
            with self._lock:
                if self._stop.is_set():
                    return False
                self._open.add(connection)
            connection.request("GET", self._path)
            return connection.getresponse().read() is not None
        except (OSError, http.client.HTTPException):
            return False
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
