"""The screen in a real terminal, on real processes: from `kdiag PID` to what is wrong, and to the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psutil
import pytest

from kdiag.demos import DEMOS
from kdiag.engine.demo import start_demo
from tests.support.kdiag import command
from tests.support.preloaded import until
from tests.support.processes import thread_names
from tests.support.targets import start_target
from tests.support.terminal import terminal

if TYPE_CHECKING:
    from pathlib import Path

# What is proven from inside only needs a probe, and a probe a yes.
FROM_INSIDE = {"nil"}


@pytest.mark.parametrize("case", DEMOS)
def test_each_demo_is_named_with_its_line_after_two_keys_at_most(case: str) -> None:
    demo = DEMOS[case]
    script = demo.module.rpartition(".")[2] + ".py"
    with start_demo(demo) as running, terminal(command(running.pid)) as screen:
        if case in FROM_INSIDE:
            screen.until(lambda text: "watching" in text)
            screen.press("a")
            screen.until(lambda text: "Let a probe into this process?" in text)
            screen.press("y")
        found = screen.until(lambda text: _is_sick(text) and demo.verdict in text)
        assert f"process {running.pid} " in found
        whole = screen.until(lambda text: "❱" in text)
        assert re.search(rf"{script}:\d+", whole), whole

        screen.press("q")
        left = screen.until(lambda text: "ended with" in text)
        assert "ended with 0" in left
        assert _is_sick(left)  # what it concluded stays on the terminal


def test_a_target_that_ends_leaves_its_last_picture() -> None:
    with start_demo(DEMOS["pool"]) as running, terminal(command(running.pid)) as screen:
        screen.until(lambda text: _is_sick(text) and "pool-exhaustion" in text)
        psutil.Process(running.pid).kill()
        ended = screen.until(lambda text: "ended at" in text)
        assert "pool-exhaustion" in ended
        screen.press("q")
        screen.until(lambda text: "ended with 0" in text)


def test_quitting_takes_the_probe_out_of_the_target() -> None:
    with start_target("waiting_service") as target, terminal(command(target.pid, "--attach", "auto")) as screen:
        screen.until(lambda text: "inside" in text)
        assert _probe_threads(target.pid)
        screen.press("C-c")
        screen.until(lambda text: "ended with 0" in text)
        until(lambda: len(thread_names(target.pid)) == 1, "its last thread of ours has ended")


def test_a_process_is_chosen_from_the_list() -> None:
    with start_target("waiting_service") as target, terminal(command(), 120, 30) as screen:
        screen.until(lambda text: "PID" in text and "COMMAND" in text)
        screen.press(f"{target.pid} waiting_service")  # the number alone may be part of another one
        screen.until(lambda text: re.search(rf"^▸ +{target.pid} ", text, re.MULTILINE))
        screen.press("Enter")
        screen.until(lambda text: f"process {target.pid} " in text and "watching" in text)
        screen.press("q")
        screen.until(lambda text: "ended with 0" in text)


def test_without_colours_it_says_the_same() -> None:
    with start_demo(DEMOS["pool"]) as running, terminal(command(running.pid), NO_COLOR="1") as screen:
        text = screen.until(_is_sick)
        assert "▲ WARNING" in text or "✖ CRITICAL" in text  # told apart by their marks


def test_a_process_that_is_not_there_is_an_error_and_no_screen() -> None:
    with terminal(command(2**22 - 3)) as screen:
        text = screen.until(lambda text: "ended with" in text)
        assert "error[no-such-process]" in text
        assert "ended with 3" in text


def _is_sick(screen: str) -> bool:
    return re.search("CRITICAL|WARNING", screen) is not None


def _probe_threads(pid: int) -> list[str]:
    return [name for name in thread_names(pid) if name.startswith("kdiag")]


def test_what_was_recorded_is_looked_at_again(tmp_path: Path) -> None:
    file = tmp_path / "seen.kdiag"
    with start_demo(DEMOS["deadlock"]) as running, terminal(command(running.pid, "--record", file)) as screen:
        screen.until(lambda text: _is_sick(text) and "deadlock" in text)
        screen.press("q")
        screen.until(lambda text: "ended with 0" in text)
    with terminal(command("replay", file)) as screen:
        again = screen.until(lambda text: _is_sick(text) and "deadlock" in text)
        assert "seen.kdiag: process" in again
        screen.press("q")
        screen.until(lambda text: "ended with 0" in text)
