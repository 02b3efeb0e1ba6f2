"""The format's own example, as its document has it: it is without a fault, passes its test, and runs on a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.cli.main import run
from kdiag.engine.playbooks.files import check_file
from kdiag.engine.playbooks.looking import Fed
from kdiag.engine.playbooks.run import run as run_playbook

if TYPE_CHECKING:
    import pytest

TESTS = Path(__file__).parents[3]
EXAMPLE = TESTS / "playbooks" / "format-example.yaml"
RECORDING = TESTS / "recordings" / "gc-pressure.kdiag"


def test_it_is_without_a_fault_and_passes_its_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["playbook", "lint", str(EXAMPLE)]) == 0, capsys.readouterr().out
    assert run(["playbook", "test", str(EXAMPLE)]) == 0, capsys.readouterr().out


def test_it_runs_on_what_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["playbook", "run", str(EXAMPLE), "--dry-run", str(RECORDING), "--explain"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "gc.share >= 0.4 → yes (gc.share = 77 %)" in told
    assert "objects.created = list" in told
    assert "stacks.profiled = 150" in told


class Rated(Fed):
    """Remembers how often a second was to be looked."""

    rate = 0.0

    def wish(self, rate_hz: float) -> None:
        self.rate = rate_hz


def test_its_rate_is_asked_for() -> None:
    playbook = check_file(EXAMPLE).playbook
    assert playbook is not None
    looking = Rated(playbook.tests[0].inputs)
    run_playbook(playbook, looking)
    assert looking.rate == 100.0
