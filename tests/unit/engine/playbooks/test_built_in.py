"""The playbooks that kdiag ships: without a fault, with tests that pass, and with pages that are up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kdiag.cli.main import run
from kdiag.core.catalog import VERDICTS
from kdiag.core.playbooks.evidence import FIELDS
from kdiag.core.report.playbooks import runbook
from kdiag.engine.playbooks.files import Checked, all_files, built_in_folder, check_file, load
from kdiag.engine.playbooks.testing import run_tests

if TYPE_CHECKING:
    from pathlib import Path

BUILT_IN = [file.stem for file in sorted(built_in_folder().glob("*.yaml"))]
SYMPTOMS = {"cpu-high", "memory-growing", "requests-hang", "latency-spikes", "crash-loop", "deploy-check"}


def built_in(name: str) -> Checked:
    """One of them, each read when it is tested: every worker imports this module."""
    return check_file(built_in_folder() / f"{name}.yaml", "built-in")


def test_there_is_one_for_each_verdict_and_for_each_symptom() -> None:
    names = {checked.name for checked in all_files() if checked.origin == "built-in"}
    assert names == {*BUILT_IN} == {*VERDICTS, *SYMPTOMS}


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_is_without_a_fault_and_its_tests_pass(name: str) -> None:
    checked = built_in(name)
    assert checked.problems == ()
    tested = run_tests(load(checked))
    assert {each.test.name: each.failures for each in tested if each.failures} == {}
    assert len(tested) >= 3


@pytest.mark.parametrize("name", BUILT_IN)
def test_its_tests_take_every_step(name: str) -> None:
    playbook = load(built_in(name))
    taken = {step for each in run_tests(playbook) for step in each.run.path}
    assert taken == {step.id for step in playbook.steps}


@pytest.mark.parametrize("name", BUILT_IN)
def test_its_page_is_up_to_date(name: str) -> None:
    page = built_in_folder().parent / "docs" / "runbooks" / f"{name}.md"
    assert page.read_text() == "\n".join(runbook(load(built_in(name)))) + "\n"
    for heading in ("Meaning", "Impact", "Diagnosis", "Mitigation"):
        assert f"\n## {heading}\n" in page.read_text()


def test_a_test_that_fails_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    text = (built_in_folder() / "cpu-high.yaml").read_text().replace('"0.62x6"', '"0.02x6"')
    file.write_text(text)

    assert run(["playbook", "test", str(file), "--explain"]) == 1
    told = capsys.readouterr().out
    assert "FAILED cpu-high: collector burn is named" in told
    assert "path: expected vitals, gc, got vitals, gc, hot" in told
    assert "→ no (gc.share = 2 %, findings.gc_pressure.present = true)" in " ".join(told.split())
    assert run(["playbook", "test", "cpu-high"]) == 0


def test_the_other_commands_tell_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["playbook", "list"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in BUILT_IN)
    assert run(["playbook", "show", "cpu-high"]) == 0
    assert "process.cpu_percent > 80" in capsys.readouterr().out
    assert run(["playbook", "docs", "--evidence"]) == 0
    told = capsys.readouterr().out
    assert all(path in told for path in FIELDS if not path.startswith("findings."))
    assert run(["playbook", "docs", "cpu-high"]) == 0
    assert "## Mitigation" in capsys.readouterr().out
    assert run(["playbook", "schema"]) == 0
    assert '"apiVersion"' in capsys.readouterr().out


def test_ones_own_overrides_a_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KDIAG_PLAYBOOKS", str(tmp_path))
    text = (built_in_folder() / "cpu-high.yaml").read_text().replace("cpu_percent > 80", "cpu_percent > 95")
    (tmp_path / "other-name.yaml").write_text(text.replace("docs/runbooks/cpu-high.md", "https://example.org"))

    assert run(["playbook", "list"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("cpu-high ")]
    assert line.split()[1] == "own"
    assert "> 95" in line


def test_the_example_of_the_documentation_is_good(tmp_path: Path) -> None:
    text = (built_in_folder().parent / "docs" / "playbooks.md").read_text()
    file = tmp_path / "example.yaml"
    file.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    checked = check_file(file)

    assert checked.problems == ()
    assert [each.failures for each in run_tests(load(checked))] == [()]
