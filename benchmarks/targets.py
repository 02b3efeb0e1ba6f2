"""The programs that are slowed down, or not: each counts its own work and says so every tenth of a second.

Run as `python -m benchmarks.targets KIND THREADS`; it prints `{"ready": true}` and then one line of
`{"at": monotonic seconds, "done": units of work so far}` after another.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

_SAY_EVERY_S = 0.1


def idle(count: int) -> None:
    """Start threads that wait for ever."""
    threading.stack_size(256 * 1024)
    never = threading.Event()
    for number in range(count):
        threading.Thread(target=never.wait, daemon=True, name=f"idle-{number}").start()


def cpu() -> int:
    """One unit of pure Python work, some tenths of a millisecond."""
    total = 0
    for number in range(5_000):
        total += number * number % 7
    return total


class Echo:
    """One unit of I/O work: a round trip over loopback to a thread of the same process."""

    def __init__(self) -> None:
        server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, args=(server,), daemon=True, name="echo").start()
        self._client = socket.create_connection(server.getsockname())

    def _serve(self, server: socket.socket) -> None:
        connection, _ = server.accept()
        while data := connection.recv(64):
            connection.sendall(data)

    def __call__(self) -> int:
        """Ask and wait for the answer."""
        self._client.sendall(b"ping")
        return len(self._client.recv(64))


def main(kind: str, threads: int) -> None:
    """Work for ever."""
    idle(threads)
    work = cpu if kind == "cpu" else Echo()
    print(json.dumps({"ready": True}), flush=True)
    done, said_at = 0, time.monotonic()
    while True:
        work()
        done += 1
        now = time.monotonic()
        if now - said_at >= _SAY_EVERY_S:
            print(json.dumps({"at": now, "done": done}), flush=True)
            said_at = now


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
