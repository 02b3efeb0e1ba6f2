"""Starts real target programs and makes sure that nothing of them stays behind.

Separate from the targets, which run elsewhere (another interpreter, another root): this half is the test's.

- A target has said that it is ready before a test sees it; its later JSON lines are its own log of the truth.
- What it wrote to stderr is shown when the test fails.
- It is killed with its whole process group and everything that inherited its mark, in whatever state it is.
- Start targets from a thread that outlives them: they die with the thread that started them (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from tests.support.interpreters import Interpreter, current
from tests.support.traffic import Traffic

REPOSITORY = Path(__file__).resolve().parents[2]
TARGETS = "tests.targets"
MARK = "KDIAG_TEST_TARGET"
FOLDER = "KDIAG_TEST_FOLDER"  # for what it writes: gone when it is

_numbers = itertools.count()
_running: set[str] = set()  # marks of the targets whose context is open, or could not be left cleanly


class TargetFailedError(AssertionError):
    """A target did not start, or did not say that it is ready; the message holds its stderr."""


@dataclass
class Target:
    """A running target.

    Attributes:
        pid: the process to observe, as the host sees it; for a server that forks workers the worker's.
        root_pid: the process that was started; the same as `pid` unless workers are forked.
        port: where it listens on loopback; None when it does not.
        script: its source as the host sees it: read the blamed lines from here.
    """

    pid: int
    root_pid: int
    port: int | None
    facts: Mapping[str, Any]
    script: Path
    python: Interpreter
    process: subprocess.Popen[str]
    _reader: _Lines = field(repr=False)
    _stderr: IO[str] = field(repr=False)

    @property
    def lines(self) -> tuple[dict[str, Any], ...]:
        """The JSON lines that it has printed since it was ready."""
        return tuple(self._reader.seen[1:])

    def wait_for(self, key: str, timeout: float = 60.0) -> dict[str, Any]:
        """The first later line that has `key`; raises when none comes within `timeout` seconds."""
        line = self._reader.wait_for(key, timeout)
        if line is None:
            msg = f"{self.script.name} printed no line with {key!r}\n{self.stderr}"
            raise TargetFailedError(msg)
        return line

    @property
    def stderr(self) -> str:
        """What it has written to stderr."""
        return _written(self._stderr)

    def traffic(self, path: str = "/", **bounds: Any) -> Traffic:
        """Clients that ask it for `path` while the context lasts; see `Traffic` for the bounds."""
        assert self.port is not None, f"{self.script.name} does not listen"
        return Traffic(self.port, path, **bounds)


@contextlib.contextmanager
def start_target(
    script: str | Path,
    *arguments: str | float,
    python: Interpreter | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
) -> Iterator[Target]:
    """Start a target, wait until it is ready, and reap it and all that it started.

    Args:
        script: a name in `tests/targets`, a dotted module ("kdiag.demos.pool"), or the path of a script.
        arguments: its command line.
        python: which interpreter; the one that runs the tests when None.
        env: variables on top of ours; a PYTHONPATH, as the target sees it, comes after the folder of the targets.
        timeout: seconds to become ready.

    Raises:
        TargetFailedError: it ended or stayed silent before it was ready.
    """
    interpreter = python or current()
    mark = f"{os.getpid()}.{next(_numbers)}"
    _running.add(mark)
    with contextlib.ExitStack() as stack:
        stderr = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace"))
        root = stack.enter_context(_placed(script, interpreter))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kdiag-target-", ignore_cleanup_errors=True))
        source, command = _command(script, root)
        inside = Path("/") / root.relative_to(interpreter.root)
        variables = dict(env or {})
        path = os.pathsep.join([str(inside), *filter(None, [variables.pop("PYTHONPATH", "")])])
        process = subprocess.Popen(
            [*interpreter.argv_prefix, *(part.format(root=inside) for part in command), *map(str, arguments)],
            env={
                **_environment(),
                "PYTHONPATH": path,
                "PYTHONDONTWRITEBYTECODE": "1",
                MARK: mark,
                FOLDER: folder,
                **variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        stack.callback(_reap, process, mark)
        assert process.stdout is not None
        reader = _Lines(process.stdout)
        facts = reader.wait_for("ready", timeout)
        if facts is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)  # its stdout may end a moment before itself
            state = "is silent" if process.poll() is None else f"ended with {process.returncode}"
            msg = f"{source.name} on {interpreter.name} {state}; its stderr:\n{_written(stderr)}"
            raise TargetFailedError(msg)
        target = Target(
            pid=int(facts["pid"]),
            root_pid=process.pid,
            port=facts.get("port"),
            facts=facts,
            script=source,
            python=interpreter,
            process=process,
            _reader=reader,
            _stderr=stderr,
        )
        try:
            yield target
        except BaseException as error:
            error.add_note(f"stderr of {source.name} on {interpreter.name}:\n{target.stderr or '(nothing)'}")
            raise


def running_marks() -> frozenset[str]:
    """The targets that this test process has started and not yet reaped."""
    return frozenset(_running)


def left_behind(before: frozenset[str] = frozenset()) -> list[psutil.Process]:
    """Processes, children included, of targets that run now and are not among those that ran `before`."""
    marks = _running - before
    return _marked(marks) if marks else []


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; an orphan that init has yet to reap does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(processes: list[psutil.Process]) -> None:
    """End processes at once, stopped ones too, and wait until they have ended."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + 40.0
    while any(alive(process) for process in processes):
        assert time.monotonic() < deadline, f"not to be killed: {processes}"
        time.sleep(0.005)


def _written(file: IO[str]) -> str:
    """What is in a file that another process writes, too; with a place of its own, for the file's is shared."""
    return Path(f"/proc/self/fd/{file.fileno()}").read_text(encoding="utf-8", errors="replace")


class _Lines:
    """Reads a target's stdout to its end; the JSON lines go to `seen`, which only grows."""

    def __init__(self, stream: IO[str]) -> None:
        self.seen: list[dict[str, Any]] = []  # appended under _news, read anywhere
        self._ended = False
        self._news = threading.Condition()
        self._stream = stream
        threading.Thread(target=self._read, name="target-stdout", daemon=True).start()

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                with contextlib.suppress(ValueError):
                    value = json.loads(line)
                    if isinstance(value, dict):
                        with self._news:
                            self.seen.append(value)
                            self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, key: str, timeout: float) -> dict[str, Any] | None:
        with self._news:
            self._news.wait_for(lambda: self._ended or any(key in line for line in self.seen), timeout)
            return next((line for line in self.seen if key in line), None)


@contextlib.contextmanager
def _placed(script: str | Path, interpreter: Interpreter) -> Iterator[Path]:
    """The folder to import from, as the host sees it: the repository, or a copy where another root can see it."""
    if not interpreter.in_chroot:
        yield REPOSITORY
        return
    folder = Path(tempfile.mkdtemp(prefix="kdiag-targets-", dir=interpreter.root / "tmp"))
    folder.chmod(0o755)
    try:
        for original in _sources(script):
            copy = folder / (original.name if isinstance(script, Path) else original.relative_to(REPOSITORY))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, copy)
        yield folder
    finally:
        shutil.rmtree(folder)


def _sources(script: str | Path) -> Iterator[Path]:
    """The files that a target consists of: itself, its siblings, and the packages above it."""
    if isinstance(script, Path):
        yield script
        return
    folder = REPOSITORY.joinpath(*_module(script).split(".")[:-1])
    yield from folder.glob("*.py")
    while (folder := folder.parent) != REPOSITORY:
        yield folder / "__init__.py"


def _command(script: str | Path, root: Path) -> tuple[Path, list[str]]:
    """The source as the host sees it, and the arguments that run it; `{root}` stands for the target's view of root."""
    if isinstance(script, Path):
        if root == REPOSITORY:
            return script, [str(script)]
        return root / script.name, ["{root}/" + script.name]
    module = _module(script)
    return root.joinpath(*module.split(".")).with_suffix(".py"), ["-m", module]


def _module(script: str) -> str:
    return script if "." in script else f"{TARGETS}.{script}"


def _environment() -> dict[str, str]:
    """Our environment without what would change how a Python behaves."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COVERAGE"))}


def _reap(process: subprocess.Popen[str], mark: str) -> None:
    # Listed before the kill: a process that is about to end has no environment any more to know it by.
    descendants = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=40)
    kill(descendants)
    while remaining := _marked({mark}):  # what had lost its parent, and what was forked meanwhile
        kill(remaining)
    _running.discard(mark)


def _marked(marks: set[str]) -> list[psutil.Process]:
    """Living processes whose environment carries one of the marks."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) in marks:
                found.append(process)
    return found
