"""Whose code a frame is, and which frame of a stack is to blame: the deepest one of the user's own code.

- Own code over third-party libraries over the standard library over what merely launches and serves.
- The program's own package is own code even when it was installed into site-packages, as applications often are.
- Frames of libraries are recognised by the file below `lib/pythonX.Y` or `site-packages` and by the last part of the
  function's name, since Python 3.9 and 3.10 know no qualified names.

It is separate so that every detector blames by the same rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from kdiag.core.model import Frame, Place, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Servers, task runners and tools that call the user's code: never to blame for what it does.
LAUNCHERS = frozenset(
    {
        "IPython", "bjoern", "celery", "cheroot", "coverage", "daphne", "ddtrace", "debugpy", "dramatiq", "eventlet",
        "gevent", "granian", "gunicorn", "honcho", "huey", "hypercorn", "ipykernel", "memray", "meinheld", "newrelic",
        "opentelemetry", "pyinstrument", "rq", "streamlit", "tornado", "uvicorn", "uwsgi", "viztracer", "waitress",
        "watchfiles", "werkzeug",
    }
)  # fmt: skip

# Those of the standard library, by their files.
_STANDARD_LAUNCHERS = frozenset(
    {"socketserver.py", "http/server.py", "wsgiref/handlers.py", "wsgiref/simple_server.py"}
)

_SITE = re.compile(r"/(?:site|dist)-packages/(.+)$")
_STANDARD = re.compile(r"/(?:lib(?:64)?/python\d\.\d+t?|lib/python\d|python\d+\.zip)/(.+)$")
_APPLICATION = re.compile(r"^([A-Za-z_]\w*)(?:\.\w+)*:[A-Za-z_][\w.]*(?:\(.*\))?$")


class Tier(IntEnum):
    """Whose code a frame is, the least to blame first."""

    LAUNCHER = 0
    STANDARD = 1
    LIBRARY = 2
    OWN = 3


@lru_cache(maxsize=8192)
def located(file: str) -> tuple[Literal["standard", "site", "frozen", "free"], str]:
    """Where a file lies: its kind of place, and its path below the library folder."""
    if file.startswith("<frozen "):
        return "frozen", file
    if site := _SITE.search(file):
        return "site", site[1]
    if standard := _STANDARD.search(file):
        return "standard", standard[1]
    return "free", file


def last_name(function: str) -> str:
    """The function's own name without its class or enclosing function."""
    return function.rpartition(".")[2]


def library_function(frame: Frame) -> tuple[str, str]:
    """(path below the library folder, own name) of a library's function; ("", "") for code that is no library's."""
    return _library_function(frame.file, frame.function)


@lru_cache(maxsize=65536)
def _library_function(file: str, function: str) -> tuple[str, str]:
    kind, path = located(file)
    return ("", "") if kind == "free" else (path, last_name(function))


@dataclass(frozen=True, slots=True)
class Ownership:
    """Tells whose code a frame is in one window. `packages` are the names below site-packages that are own code."""

    window: Window
    packages: frozenset[str]
    _tiers: dict[tuple[str, bool], Tier] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, window: Window) -> Ownership:
        """Learn the program's own package from its main module and from its command line."""
        found = {name for name in (*_packages_of_main(window), *_packages_of_command(window)) if name not in LAUNCHERS}
        return cls(window, frozenset(found))

    def tier(self, frame: Frame) -> Tier:
        """Whose code the frame is."""
        if frame.native:
            return Tier.LAUNCHER
        key = frame.file, frame.function == "<module>"
        tier = self._tiers.get(key)
        if tier is None:
            tier = self._tiers[key] = self._judge(*key)
        return tier

    def _judge(self, file: str, module_level: bool) -> Tier:
        kind, path = located(file)
        if kind == "frozen" or (kind == "standard" and path == "runpy.py"):
            return Tier.LAUNCHER
        if kind == "standard":
            return Tier.STANDARD
        if kind == "site":
            package = _package(path)
            return Tier.OWN if package in self.packages else Tier.LAUNCHER if package in LAUNCHERS else Tier.LIBRARY
        if module_level and _is_script(file):
            return Tier.LAUNCHER
        if file.startswith("<"):  # generated: dataclass methods, named tuples; `python -c` has only this
            return Tier.OWN if module_level else Tier.STANDARD
        return Tier.OWN

    def culprit(self, frames: Sequence[Frame]) -> Frame | None:
        """The deepest frame of the highest tier present; None without frames."""
        return max(frames, key=self.tier, default=None)  # the first of equals is the innermost

    def own(self, frames: Sequence[Frame]) -> Frame | None:
        """The deepest frame of the user's own code, if there is any."""
        return next((frame for frame in frames if self.tier(frame) is Tier.OWN), None)

    def served(self, frames: Sequence[Frame]) -> tuple[Frame, ...]:
        """What a server or task runner runs on this stack, innermost first; all of it where there is none."""
        for depth, frame in enumerate(frames):
            kind, path = located(frame.file)
            package = _package(path)
            if kind == "site" and package in LAUNCHERS and package not in self.packages:
                return tuple(frames[:depth])
            if kind == "standard" and path in _STANDARD_LAUNCHERS:
                return tuple(frames[:depth])
        return tuple(frames)

    def name(self, frame: Frame) -> str:
        """The function's qualified name, from the source where the stack knows only the bare one."""
        facts = self.window.lines.get((frame.file, frame.line))
        if facts and "." not in frame.function and frame.function in {last_name(facts.qualname), ""}:
            return facts.qualname
        return frame.function

    def creates(self, frame: Frame) -> bool:
        """Whether the frame's line creates containers by its looks; False where its source was not read."""
        facts = self.window.lines.get((frame.file, frame.line))
        return facts is not None and facts.creates

    def call(self, frame: Frame) -> str:
        """What the source says that the frame's line calls; "" where it is not known."""
        facts = self.window.lines.get((frame.file, frame.line))
        return facts.call if facts else ""

    def place(self, frame: Frame, thread: str | None = None, role: str = "", what: str | None = None) -> Place:
        """The frame as a place of a finding."""
        return Place(frame.file, frame.line, self.name(frame), thread, what, role)

    def innermost(self, frames: Sequence[Frame], thread: str | None, role: str) -> tuple[Place, ...]:
        """Where the stack really stands, when that is not the culprit's own frame: what a library does for it."""
        culprit = self.culprit(frames)
        if culprit is None or culprit == frames[0]:
            return ()
        return (self.place(frames[0], thread, role),)


def at(frame: Frame | Place) -> str:
    """A short "file.py:41" for titles."""
    return f"{frame.file.rpartition('/')[2]}:{frame.line}"


def _package(path: str) -> str:
    """The top-level name below site-packages: a package, or a single module."""
    first, slash, _ = path.partition("/")
    return first if slash else first.partition(".")[0]


def _is_script(file: str) -> bool:
    """A console script, as pip puts it into bin/: it only imports and calls."""
    folder, _, name = file.rpartition("/")
    return folder.endswith("/bin") and not name.endswith(".py")


def _packages_of_main(window: Window) -> Iterator[str]:
    """The package of the main thread's outermost module frame that is no launcher's."""
    for sample in window.stacks:
        main = next((t for t in sample.threads if t.name == "MainThread" or t.thread_id == window.target.pid), None)
        for frame in reversed(main.frames if main else ()):
            kind, path = located(frame.file)
            if frame.function == "<module>" and kind == "site" and _package(path) not in LAUNCHERS:
                yield _package(path)
                return


def _packages_of_command(window: Window) -> Iterator[str]:
    """What a server was told to serve: "shop.web:app", or the name after -m and -A."""
    command = window.target.command
    for previous, word in zip(("", *command), command, strict=False):
        if application := _APPLICATION.match(word):
            yield application[1]
        elif previous in {"-m", "-A", "--app"} and word[:1].isidentifier():
            yield word.partition(".")[0].partition(":")[0]
