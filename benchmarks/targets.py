"""The programs that are slowed down, or not: each counts its own work and says so every tenth of a second.

Run as `python -m benchmarks.targets KIND THREADS`; it prints `{"ready": true}` and then one line of
`{"at": monotonic seconds, "cpu": seconds of all its threads, "done": units of work so far}` after another.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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


def _cpu_s(unit: Callable[[], object], repeat: int = 200) -> float:
    """Processor seconds that a unit takes."""
    started = time.process_time()
    for _ in range(repeat):
        unit()
    return (time.process_time() - started) / repeat


class Raises:
    """One unit of work, a millisecond or so, with ten exceptions that are raised and handled: ten thousand a second.

    `none` makes them crashes on None; otherwise they are ordinary control flow, some frames deep.
    """

    def __init__(self, *, none: bool) -> None:
        self._fail = [self._on_none] * 10 if none else [self._look_up, self._convert, self._ask] * 3 + [self._convert]
        raising_s, working_s = (min(_cpu_s(each) for _ in range(5)) for each in (self._raise, cpu))
        self._work = max(1, round(5_000 * (0.001 - raising_s) / working_s))

    def __call__(self) -> int:
        """Raise ten times, and work until the millisecond is over."""
        self._raise()
        total = 0
        for number in range(self._work):
            total += number * number % 7
        return total

    def _raise(self) -> None:
        for fail in self._fail:
            try:  # noqa: SIM105 - as programs do
                fail({})
            except (KeyError, ValueError, AttributeError):
                pass

    def _look_up(self, entries: dict[str, object]) -> object:
        return entries["missing"]

    def _convert(self, entries: dict[str, object]) -> object:
        return self._parse(entries.get("number", "x"))

    @staticmethod
    def _parse(text: object) -> int:
        return int(str(text))

    def _ask(self, entries: dict[str, object]) -> object:
        return entries.attribute  # type: ignore[attr-defined]

    def _on_none(self, entries: dict[str, object]) -> object:
        return entries.get("missing").name  # type: ignore[attr-defined]


class Account:
    """Counts units of work and says how many."""

    def __init__(self) -> None:
        self._done = 0
        self._said_at = time.monotonic()

    def enter(self) -> None:
        """One more unit is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            print(json.dumps({"at": now, "cpu": time.process_time(), "done": self._done}), flush=True)
            self._said_at = now


async def serve(account: Account) -> None:
    """An asyncio server, asked by eight clients of the same loop; one unit is one request with its answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps({"sum": sum(json.loads(line)["numbers"])}).encode() + b"\n")
            await writer.drain()

    async def ask(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            writer.write(json.dumps({"numbers": list(range(50))}).encode() + b"\n")
            await writer.drain()
            await reader.readline()
            account.enter()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*(ask(port) for _ in range(8)))


WORK: dict[str, Callable[[], Callable[[], int]]] = {
    "cpu": lambda: cpu,
    "io": Echo,
    "raises": lambda: Raises(none=False),
    "nones": lambda: Raises(none=True),
}


def main(kind: str, threads: int) -> None:
    """Work for ever."""
    idle(threads)
    print(json.dumps({"ready": True}), flush=True)
    account = Account()
    if kind == "server":
        asyncio.run(serve(account))
    work = WORK[kind]()
    while True:
        work()
        account.enter()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
