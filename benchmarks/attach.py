"""What getting in costs, and whom it kills: kdiag, hypno and memray on the targets that check themselves.

kdiag runs in this process, so that its times are from asking to the probe's answer; a peer is its whole command.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from kdiag.errors import KdiagError
from tests.support.interpreters import HOST, Interpreter, interpreters
from tests.support.targets import Target, TargetFailedError, kill, start_target
from tests.support.visits import Ward, visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TARGETS = ("stress_collecting", "stress_convoy", "stress_asyncio", "stress_deadlocked", "stress_churn")
PEER_TIMEOUT_S = 20.0
PEER_PYTHON = (3, 11)  # the newest that hypno has wheels for
MOST_HANGS = 5  # of one peer on one target; each takes PEER_TIMEOUT_S


@dataclass
class Attaching:
    """So many attaches to one target on one interpreter.

    Attributes:
        deaths: the target ended.
        hangs: no answer in time, or the target did not answer afterwards; a new target was started.
        refused: a clear error; the target was not harmed.
        wrong: the target's own account did not add up, or something was left behind.
        took_s: of those that worked.
        pause_s: for how long the borrowed thread stood still.
    """

    cycles: int = 0
    deaths: int = 0
    hangs: int = 0
    refused: int = 0
    wrong: int = 0
    took_s: list[float] = field(default_factory=list)
    pause_s: list[float] = field(default_factory=list)

    @property
    def words(self) -> str:
        """For the table."""
        text = f"{self.deaths} deaths, {self.hangs} hangs, {self.wrong} wrong, {self.refused} refused of {self.cycles}"
        if self.took_s:
            text += f"; {1000 * statistics.median(self.took_s):.0f} ms (p95 {1000 * percentile(self.took_s, 95):.0f})"
        if any(self.pause_s):
            text += f", one thread stood for at most {1000 * max(self.pause_s):.1f} ms"
        return text


def percentile(values: list[float], percent: int) -> float:
    """The least value that so many percent of all do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def kdiag_attaches(python: Interpreter, script: str, cycles: int) -> Attaching:
    """Attach, use every sensor, leave, and look at the target after each time."""
    result = Attaching()
    while result.cycles < cycles:
        with _target(python, script) as target:
            ward = Ward(target)
            while result.cycles < cycles and _kdiag_once(target, ward, result):
                pass
    return result


def _kdiag_once(target: Target, ward: Ward, result: Attaching) -> bool:
    """One visit; False when a new target is needed."""
    result.cycles += 1
    try:
        visited = visit(target.pid)
        result.took_s.append(visited.took_s)
        result.pause_s.append(visited.pause_s)
        ward.assert_unharmed(working=False)
        ward.assert_clean()
    except KdiagError as error:
        if _ended(target):
            result.deaths += 1
            return False
        if error.reference in {"door-not-opened", "probe-silent"}:
            result.hangs += 1
            return False
        result.refused += 1
    except TargetFailedError:
        result.hangs += 1
        return False
    except AssertionError:
        result.deaths += _ended(target)
        result.wrong += not _ended(target)
        return False
    return True


def peer_attaches(python: Interpreter, command: Callable[[int], list[str]], script: str, cycles: int) -> Attaching:
    """Run a peer's command as often; what hangs is killed with all that it started."""
    result = Attaching()
    while result.cycles < cycles and result.hangs < MOST_HANGS:
        with _target(python, script) as target:
            while result.cycles < cycles and _peer_once(target, command(target.pid), result):
                pass
    return result


def _peer_once(target: Target, command: list[str], result: Attaching) -> bool:
    result.cycles += 1
    started = time.monotonic()
    answered = _run(command)
    took_s = time.monotonic() - started
    if _ended(target):
        result.deaths += 1
        return False
    if answered is None:
        result.hangs += 1
        return False
    if answered:
        result.refused += 1
    else:
        result.took_s.append(took_s)
    return True


def _run(command: list[str]) -> int | None:
    """Its exit code; None when it had to be killed."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            return process.wait(PEER_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            command_itself = psutil.Process(process.pid)
            kill([*command_itself.children(recursive=True), command_itself])
            return None


def _ended(target: Target) -> bool:
    time.sleep(0.02)  # a fatal signal may be under way
    return target.process.poll() is not None


@contextlib.contextmanager
def _target(python: Interpreter, script: str) -> Iterator[Target]:
    with start_target(script, python=python, timeout=60) as target:
        yield target


@contextlib.contextmanager
def peer(package: str) -> Iterator[Interpreter | None]:
    """An interpreter with that package from the package index; None where it does not install."""
    candidates = [each for each in interpreters() if each.minor == PEER_PYTHON and not each.in_chroot]
    base = candidates[-1] if candidates else None
    if base is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="kdiag-bench-") as name:
        folder = Path(name)
        subprocess.run([*base.argv_prefix, "-m", "venv", str(folder)], check=True, capture_output=True)
        binary = folder / "bin" / "python"
        install = [str(binary), "-m", "pip", "install", "--quiet", package]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            yield None
        else:
            yield Interpreter(f"{base.name}+{package}", base.version, (str(binary),), HOST, base.executable)


def hypno_command(python: Interpreter) -> Callable[[int], list[str]]:
    """Run nothing in the target."""
    return lambda pid: [*python.argv_prefix, "-m", "hypno", str(pid), "pass"]


def memray_command(python: Interpreter) -> Callable[[int], list[str]]:
    """Track allocations into a file, for a moment."""
    return lambda pid: [*python.argv_prefix, "-m", "memray", "attach", "--method", "gdb", "--force", "--duration", "1",
                        "--output", f"{tempfile.gettempdir()}/kdiag-bench-{pid}.bin", str(pid)]  # fmt: skip


PEERS = {"hypno": hypno_command, "memray": memray_command}


def measure_attaching(cycles: int, peer_cycles: int) -> Iterator[tuple[str, str, Attaching]]:
    """Everybody on every target: name, target, result."""
    for python in interpreters():
        for script in TARGETS:
            yield "kdiag", f"{script} on {python.name}", kdiag_attaches(python, script, cycles)
    for package, command in PEERS.items():
        with peer(package) as interpreter:
            if interpreter is None:
                print(f"{package} does not install here", flush=True)
                continue
            for script in TARGETS:
                result = peer_attaches(interpreter, command(interpreter), script, peer_cycles)
                yield package, f"{script} on {interpreter.name}", result
    for left in Path(tempfile.gettempdir()).glob("kdiag-bench-*.bin"):
        left.unlink()
