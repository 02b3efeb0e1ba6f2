"""The name of a process stands for watching it; everything else is left as it is."""

from __future__ import annotations

import pytest

from kdiag.cli.main import run
from kdiag.cli.registry import watched


@pytest.mark.parametrize(("given", "meant"), [
    (["1234"], ["watch", "1234"]),
    (["1234", "--attach", "auto"], ["watch", "1234", "--attach", "auto"]),
    (["--port", "8000"], ["watch", "--port", "8000"]),
    (["--name=shop"], ["watch", "--name=shop"]),
    ([], ["watch"]),
    (["diagnose", "1234"], ["diagnose", "1234"]),
    (["--help"], ["--help"]),
    (["--version"], ["--version"]),
])  # fmt: skip
def test_what_is_meant(given: list[str], meant: list[str]) -> None:
    assert watched(given, on_terminal=True) == meant


def test_without_a_terminal_nothing_is_put_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert watched([], on_terminal=False) == []
    assert run(["1234"]) == 2

    told = capsys.readouterr().err
    assert "error[no-terminal]" in told
    assert "kdiag diagnose 1234" in told


def test_an_unknown_word_is_a_process_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["xyzzy"]) == 2
    assert "There is no command 'xyzzy'" in capsys.readouterr().err


def test_a_command_that_is_nearly_right_is_told_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnos", "1"]) == 2
    assert "Did you mean: kdiag diagnose" in capsys.readouterr().err
