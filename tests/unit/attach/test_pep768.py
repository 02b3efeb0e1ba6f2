"""What asking for a script takes besides a process: the choice of a thread, the bits, the script's text."""

from __future__ import annotations

import _thread
import os
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.pep768.requests import stirred
from kdiag.attach.pep768.script_file import script
from kdiag.attach.running import Look, choose

if TYPE_CHECKING:
    from pathlib import Path

MAIN = 100
ran: list[int] = []
TEXT = f"from {__name__} import ran; ran.append(len(ran))".encode()


def chosen(*threads: tuple[int, str, float, str, float]) -> list[int]:
    before = [Look(tid, state, cpu) for tid, state, cpu, _, _ in threads]
    after = [Look(tid, state, cpu) for tid, _, _, state, cpu in threads]
    return choose(MAIN, before, after, 0.02)


def test_a_thread_that_is_on_the_cpu_or_was_for_a_good_part_of_the_time_runs() -> None:
    assert chosen((MAIN, "R", 5.0, "R", 5.0)) == [MAIN]
    assert chosen((MAIN, "S", 5.0, "S", 5.005)) == [MAIN]
    assert chosen((MAIN, "S", 5.0, "R", 5.003)) == []
    assert chosen((MAIN, "D", 5.0, "D", 5.0)) == []


def test_the_busiest_comes_first_and_the_main_thread_last() -> None:
    threads = (MAIN, "R", 0.0, "R", 0.02), (101, "R", 1.0, "S", 1.005), (102, "S", 1.0, "R", 1.015)
    assert chosen(*threads) == [102, 101, MAIN]


def test_threads_that_come_or_go_between_the_looks_are_left_out() -> None:
    stays = Look(MAIN, "R", 1.0)
    assert choose(MAIN, [stays, Look(101, "R", 1.0)], [stays, Look(102, "R", 1.0)], 0.0) == [MAIN]


@pytest.mark.parametrize("breaker", range(256))
def test_no_bit_is_lost_and_none_is_set_that_would_hang_or_stay(breaker: int) -> None:
    gil_drop, collect, merge, cold = 1, 1 << 4, 1 << 6, 1 << 7
    for free_threaded in (False, True):
        value = stirred(breaker, free_threaded)
        assert value & breaker == breaker
        assert value & 1 << 5
        never = gil_drop | collect | cold | (0 if free_threaded else merge)
        assert value & never == breaker & never


def test_a_script_holds_its_path_and_the_text_whatever_they_are() -> None:
    text = "print('it''s \\ \"ö\"')\n".encode()
    lines = script("/srv/it's/script.py", 7, text).split(b"\n", 3)
    space: dict[str, object] = {}
    exec(b"\n".join(lines[:3]), space)  # noqa: S102
    assert space["SCRIPT"] == "/srv/it's/script.py"
    assert (space["PID"], space["TEXT"]) == (7, text)
    compile(lines[3], "script", "exec")


def run_script(folder: Path, monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    """Run the script as the interpreter does, but its thread at once."""
    monkeypatch.setattr(_thread, "start_new_thread", lambda function, arguments: function(*arguments))
    exec(script(str(folder / "script.py"), pid, TEXT), {})  # noqa: S102


def test_a_script_removes_itself_and_runs_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran.clear()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "script.py").touch()
    run_script(folder, monkeypatch, os.getpid())
    assert ran == [0]
    assert not folder.exists()


def test_a_script_that_was_taken_back_does_not_run_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran.clear()
    run_script(tmp_path, monkeypatch, os.getpid())
    assert ran == []


def test_a_script_is_left_to_whom_it_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran.clear()
    (tmp_path / "script.py").touch()
    run_script(tmp_path, monkeypatch, os.getppid())  # as in a child that was forked meanwhile
    assert ran == []
    assert (tmp_path / "script.py").exists()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_no_thread_can_be_started(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    exec(script("/nowhere/script.py", os.getpid(), TEXT), {})  # noqa: S102


def test_a_ctrl_c_at_that_very_moment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    passed_on: list[bool] = []
    monkeypatch.setattr(_thread, "start_new_thread", interrupt)
    monkeypatch.setattr(_thread, "interrupt_main", lambda: passed_on.append(True))
    exec(script("/nowhere/script.py", os.getpid(), TEXT), {})  # noqa: S102
    assert passed_on == [True]
