"""Visits to a target that checks itself: attach, use everything, leave; then was it harmed, and is anything left?

Separate from the tests, because the benchmark makes the same visits.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdiag.attach.attachment import Attachment, Way, attach
from kdiag.attach.process import read_facts
from kdiag.sources.probe import SENSORS, START_WITHIN_S
from kdiag.sources.tools import py_spy_path
from tests.support.residue import difference
from tests.support.targets import TargetFailedError

if TYPE_CHECKING:
    from tests.support.targets import Target

CLEAN_WITHIN_S = 40.0  # a second, as a rule; fifteen where a lease must end first
ANSWERS_WITHIN_S = 60.0
ASKS_AGAIN_AFTER_S = 1.0
_FOLDERS = ("tmp", "var/tmp", "dev/shm")  # as the target sees them
_LOOK_AGAIN_S = 0.02
_LOOK_AT_LEAST_EVERY_S = 0.5
_OF_LIBC = 0b11 << 31  # signals 32 and 33, which glibc catches once it has made a thread


@dataclass(frozen=True)
class Visit:
    """One visit: how kdiag got in, how long until the probe answered, how long a thread of the target stood still."""

    method: str
    took_s: float
    pause_s: float


def visit(pid: int, way: Way = "auto") -> Visit:
    """Attach, start and read all sensors, ask for the cost, and leave.

    Raises:
        KdiagError: attaching or asking failed.
    """
    attachment = attach(read_facts(pid), way)
    try:
        use(attachment)
    finally:
        attachment.close()
    return Visit(attachment.method, attachment.took_s, attachment.pause_s)


def stay(pid: int, seconds: float) -> None:
    """Attach, and have every sensor tell what it sees, over and over.

    Raises:
        KdiagError: attaching or asking failed.
    """
    attachment = attach(read_facts(pid))
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            use(attachment)
            time.sleep(_LOOK_AGAIN_S)
    finally:
        attachment.close()


def use(attachment: Attachment) -> dict[str, Any]:
    """Start and read every sensor that the probe has."""
    started = attachment.channel.request("start", START_WITHIN_S, sensors=list(SENSORS))
    assert set(started["sensors"]) == set(SENSORS)
    data = attachment.channel.request("read", START_WITHIN_S, sensors=dict.fromkeys(SENSORS, 0))
    attachment.channel.cost()
    return data


class Ward:
    """A target that is watched over: what it said and looked like at first is what it must be after each visit.

    Args:
        answers: whether it answers SIGUSR1; of one that does not, only the outside is seen.
    """

    def __init__(self, target: Target, *, answers: bool = True) -> None:
        self.target = target
        self._answers = answers
        self.units = 0
        self._first = self._settled()

    def account(self) -> dict[str, Any]:
        """What the target says of itself now.

        Raises:
            AssertionError: it has ended, does not answer, or its books are wrong.
        """
        self.assert_runs()
        account = self._ask()
        assert account["right"], f"its account is wrong: {account['problems']}"
        assert account["units"] >= self.units
        self.units = account["units"]
        return account

    def _ask(self) -> dict[str, Any]:
        key = f"account-{sum(_is_account(line) for line in self.target.lines)}"
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            # A signal that comes right before the main thread goes to sleep is heard by Python only after the next.
            os.kill(self.target.pid, signal.SIGUSR1)
            try:
                account: dict[str, Any] = self.target.wait_for(key, ASKS_AGAIN_AFTER_S)[key]
            except TargetFailedError as error:
                self.assert_runs()
                if time.monotonic() > deadline:
                    error.add_note(_stacks(self.target.pid))
                    raise
            else:
                return account

    def assert_runs(self) -> None:
        """The target has not ended."""
        code = self.target.process.poll()
        assert code is None, f"the target ended with {code}\n{self.target.stderr}"

    def assert_unharmed(self, *, working: bool = True) -> None:
        """It runs, its account is right, and it went on with its work since the last time."""
        before = self.units
        if self._answers:
            self.account()
            deadline = time.monotonic() + ANSWERS_WITHIN_S
            while working and self.units == before:
                assert time.monotonic() < deadline, "it does not go on with its work"
                self.account()
        self.assert_runs()

    def assert_clean(self, within_s: float = CLEAN_WITHIN_S) -> None:
        """Nothing of a visit is left, at the latest in `within_s` seconds: something of it may be about to end."""
        deadline = time.monotonic() + within_s
        pause_s = _LOOK_AGAIN_S
        while left := difference(self._first, self._look()):
            assert time.monotonic() < deadline, f"left behind: {json.dumps(left, indent=1)}"
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _LOOK_AT_LEAST_EVERY_S)  # its account costs a busy target much

    def _settled(self) -> dict[str, Any]:
        """The first look that is the same twice, or the last: what was starting has started."""
        deadline = time.monotonic() + CLEAN_WITHIN_S
        before, look = self._look(), self._look()
        while look != before and time.monotonic() < deadline:
            before, look = look, self._look()
        return look

    def _look(self) -> dict[str, Any]:
        pid = self.target.pid
        outside = outside_view(pid)
        if self._answers:
            return {**outside, **self.account()["residue"]}
        return {**outside, **{kind: sorted(os.listdir(f"/proc/{pid}/{kind}")) for kind in ("task", "fd")}}


def _is_account(line: dict[str, Any]) -> bool:
    return any(key.startswith("account-") for key in line)


def _stacks(pid: int) -> str:
    command = [str(py_spy_path()), "dump", "--nonblocking", "--pid", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout


def outside_view(pid: int) -> dict[str, Any]:
    """What the kernel shows of a process that a visitor might have changed."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    own = re.compile(rf"\.kdiag-\d+-{status['NSpid'].split()[-1]}\b")
    return {
        "tracer": status["TracerPid"],
        "blocked_ignored_caught": [int(status[name], 16) & ~_OF_LIBC for name in ("SigBlk", "SigIgn", "SigCgt")],
        "folders": sorted(
            path.name
            for folder in _FOLDERS
            for path in (process / "root" / folder).glob(".kdiag-*")
            if own.match(path.name)
        ),
        "writable_code": _writable_code(process),
    }


def _writable_code(process: Path) -> list[str]:
    """Mappings that can be written and run; a visitor needs none."""
    return [line.split()[0] for line in (process / "maps").read_text().splitlines() if "rwx" in line.split()[1]]
