"""What holds for every test: no target of its is left behind, and all that it starts can be interrupted."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.targets import kill, left_behind, running_marks

if TYPE_CHECKING:
    from collections.abc import Iterator

# Shells start what they run in the background, and nohup all that it runs, with these ignored; children inherit that.
# A handler of ours they do not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)  # a terminal that is closed ends no check that was to outlive it


@pytest.fixture(autouse=True)
def no_target_left_behind() -> Iterator[None]:
    """Fail a test that leaves a target process, or a child of one, alive; those of wider fixtures may stay."""
    before = running_marks()
    yield
    remaining = left_behind(before)
    if remaining:
        commands = [" ".join(process.cmdline()) for process in remaining]
        kill(remaining)
        pytest.fail(f"left behind: {commands}")
