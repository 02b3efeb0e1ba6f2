"""A target that does what a test says, and a probe in it that came without ptrace: by its boot text alone.

Separate from `targets`: this is about one target, `tests/targets/probed.py`, and the host's half of its conversation.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from kdiag.attach.bundle import PARENTS, boot_text
from kdiag.attach.channel import Channel, find_door
from kdiag.attach.parking import read_standings
from kdiag.attach.process import read_facts
from tests.support.residue import difference
from tests.support.targets import start_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from tests.support.interpreters import Interpreter
    from tests.support.targets import Target


class Probed:
    """The target, told what to do."""

    def __init__(self, target: Target) -> None:
        assert target.port is not None
        self.target = target
        self.pid = target.pid
        self.before: Mapping[str, Any] = {}
        self._connection = socket.create_connection(("127.0.0.1", target.port), timeout=60)
        self._lines = self._connection.makefile("rw")

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and return what it says."""
        self.order(command, **arguments)
        line = self._lines.readline()
        assert line, f"{command}: the target ended\n{self.target.stderr}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def order(self, command: str, **arguments: Any) -> None:
        """Have it do something, and do not wait for it."""
        self._lines.write(json.dumps({"do": command, **arguments}) + "\n")
        self._lines.flush()

    def boot(self, wait_s: float = 10.0, parents: tuple[str, ...] | None = None) -> None:
        """Run the boot text in it."""
        where = {} if parents is None else {"parents": parents}
        self.do("boot", text=boot_text(self.pid, wait_s=wait_s, **where).decode())

    def door(self) -> Path:
        """Its door, once it is there."""
        found: list[Path] = []

        def look() -> bool:
            door = find_door(read_facts(self.pid))
            found.extend([door] if door else [])
            return bool(found)

        until(look, "no door")
        return found[0]

    def connect(self, lease_s: float | None = None) -> Channel:
        """A new host, at the door that is there or is about to be."""
        return Channel.connect(self.door(), self.pid, read_facts(self.pid).uid, lease_s=lease_s)

    def enter(self, lease_s: float | None = None) -> Channel:
        """Put a probe in and connect to it."""
        self.boot()
        return self.connect(lease_s)

    def assert_clean(self, but: Collection[str] = ()) -> None:
        """Wait until it is what it was before the first probe, `but` for some things."""
        seen: dict[str, Any] = {"not": "looked"}

        def look() -> bool:
            nonlocal seen
            seen = difference(self.before, self.do("snapshot"))
            seen = {name: values for name, values in seen.items() if name not in but}
            return not seen

        with contextlib.suppress(TimeoutError):
            until(look, "")
        assert not seen, seen

    def stop(self) -> None:
        """Stop it; return when nothing in it runs any more."""
        os.kill(self.pid, signal.SIGSTOP)
        until(lambda: _states(self.pid) == {"T"}, "it stops")

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    def folders(self) -> list[Path]:
        """The folders of doors that it has made, as we see them, whoever is behind them."""
        root = self.target.python.root
        return [each for parent in PARENTS for each in (root / parent[1:]).glob(f".kdiag-*-{self.pid}")]

    def close(self) -> None:
        """End the conversation."""
        self._lines.close()
        self._connection.close()


@contextlib.contextmanager
def probed(python: Interpreter | None = None, env: Mapping[str, str] | None = None) -> Iterator[Probed]:
    """Start the target and note what it consists of; in the end it has written nothing to stderr."""
    with start_target("probed", python=python, env=env) as target:
        process = Probed(target)
        process.do("snapshot")  # the first imports what later ones need
        process.before = process.do("snapshot")
        try:
            yield process
        finally:
            process.close()
        assert target.stderr == ""


def _states(pid: int) -> set[str]:
    """The kernel's letters for all threads of a process."""
    return {standing.state for standing in read_standings(pid)}


def until(condition: Callable[[], bool], what: str, within_s: float = 40.0) -> None:
    """Wait for something that another process does.

    Raises:
        TimeoutError: it did not come about.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.005)
