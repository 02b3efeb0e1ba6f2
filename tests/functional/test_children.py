"""`--children`: a process tree as one report, worst first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kdiag.core.report import json_, story
from kdiag.engine.diagnosis import diagnosed
from kdiag.engine.playbooks.files import usable
from kdiag.engine.playbooks.looking import recorded
from kdiag.engine.playbooks.triage import triage
from tests.functional.test_truth_table import diagnose, summary
from tests.support.cases import running
from tests.support.kdiag import kdiag
from tests.support.targets import start_target
from tests.targets.truth import CASES, culprit_lines

if TYPE_CHECKING:
    from pathlib import Path

GUNICORN = next(case for case in CASES if case.name == "pool-gunicorn")


def test_a_gunicorn_parent_is_diagnosed_with_its_worker(tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    file = tmp_path / "shop.kdiag"
    with running(GUNICORN) as target:
        blamed = culprit_lines(target.script)
        alone = kdiag("diagnose", target.root_pid, "--for", "500ms", "--format", "json")
        tree = kdiag("diagnose", target.root_pid, "--children", "--for", "9s", "--format", "json", "--record", file)
        text = kdiag("triage", target.root_pid, "--children", "--for", "8500ms")
    assert target.root_pid != target.pid
    assert alone.json["children"] == []
    (worker,) = [child for child in tree.json["children"] if child["target"]["pid"] == target.pid]
    assert worker["verdict"] == "pool-exhaustion", summary(worker)
    assert worker["findings"][0]["culprit"]["line"] in blamed
    assert tree.code == 1
    assert tree.json["verdict"] == "pool-exhaustion", "the report's verdict is that of the worst process"
    below = tmp_path / f"shop.{target.pid}.kdiag"
    assert json.loads("\n".join(json_.render(diagnosed([file, below])))) == tree.json
    assert "pool" in text.out.splitlines()[0].lower(), text.out
    assert text.code == 1
    assert f"pid {target.pid}, the worst of 2 processes" in " ".join(text.out.split())
    assert f"kdiag pools {target.pid}" in text.out, "what to do is about the worker"
    told = story.to_json(triage(usable()[0], recorded([file, below]), 10.0, named=False), 1)
    assert (told["pid"], told["verdict"]) == (target.pid, "pool-exhaustion")
    assert told["playbooks"][0]["name"] == "pool-exhaustion"
    assert [(other["pid"], other["verdict"]) for other in told["others"]] == [(target.root_pid, "healthy")]
    assert told["report"] == tree.json


def test_a_tree_of_one_is_a_report_without_children() -> None:
    with start_target("waiting_service") as target:
        _, report = diagnose(target, "--children", "--for", "1s")
    assert report["children"] == []
