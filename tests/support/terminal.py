"""A real terminal for programs under test: tmux runs them, types, and tells what stands on the screen."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support.targets import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class Terminal:
    """One program in its terminal."""

    socket: str

    def tmux(self, *words: str) -> str:
        """Run one of tmux's commands."""
        done = subprocess.run(["tmux", "-L", self.socket, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        """Type: "a", "Enter", "Escape", …"""
        self.tmux("send-keys", "-t", "0", *keys)

    @property
    def screen(self) -> str:
        """What stands on the screen."""
        return self.tmux("capture-pane", "-p", "-t", "0")

    def until(self, condition: Callable[[str], object], within_s: float = 60.0) -> str:
        """Wait until the screen is as it should be, and give it."""
        until = time.monotonic() + within_s
        while not condition(screen := self.screen):
            assert time.monotonic() < until, f"still on the screen:\n{screen}"
            time.sleep(_LOOK_AGAIN_S)
        return screen


@contextlib.contextmanager
def terminal(command: Sequence[str], width: int = 80, height: int = 24, **env: str) -> Iterator[Terminal]:
    """Run a program in a terminal; when it ends, the terminal says "ended with" its exit code."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux here (Debian: apt install tmux)")
    opened = Terminal(f"kdiag-test-{os.getpid()}-{uuid4().hex[:8]}")
    shown = f'{shlex.join(command)}; echo "ended with $?"; sleep 1000'
    environment = [f"-e{name}={value}" for name, value in {"PYTHONPATH": str(REPOSITORY), **env}.items()]
    size = ["-x", str(width), "-y", str(height)]
    opened.tmux("-f", "/dev/null", "new-session", "-d", *size, *environment, "sh", "-c", shown)
    try:
        yield opened
    finally:
        opened.tmux("kill-server")
