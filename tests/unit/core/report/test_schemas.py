"""The schemas of triages and comparisons: they accept what is written and nothing else."""

from __future__ import annotations

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from kdiag.cli.main import run
from kdiag.core.playbooks.plan import Judged
from kdiag.core.playbooks.trial import Trial
from kdiag.core.report import schema
from kdiag.core.report.trial import to_json
from tests.support.contracts import checked, validator

RECORDINGS = sorted((Path(__file__).parents[3] / "recordings").glob("*.kdiag"))
TRIAL = Trial(
    "gc.freeze", "Freeze what stays", "gc.freeze()",
    (("gc.share", 0.62), ("gc.frozen", 0.0)), (("gc.share", 0.02), ("gc.frozen", 4e5)),
    (Judged("gc.share < 0.1", False, (("gc.share", 0.62),)), Judged("gc.share < 0.1", True, (("gc.share", 0.02),))),
    True, ("thresholds 700, 10, 10", "thresholds 700, 10, 10"),
)  # fmt: skip


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    run([*arguments, "--format", "json"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", schema.NAMES)
def test_each_is_a_schema_and_is_published(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", name]) == 0
    published = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(published)
    assert published["$id"] == f"urn:kdiag:{name}:v1"
    assert published["properties"]["schema"]["const"] == f"kdiag.{name}/v1"


def test_that_of_playbooks_is_published_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    run(["schema", "playbook"])
    there = capsys.readouterr().out
    run(["playbook", "schema"])
    assert capsys.readouterr().out == there


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_every_triage_is_valid(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked(written(capsys, "triage", "--from", str(file)))


def test_every_comparison_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    for before, after in itertools.product(RECORDINGS[:3], RECORDINGS[2:4]):
        checked(written(capsys, "diff", str(before), str(after)))


def test_what_was_tried_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    document = written(capsys, "triage", "--from", str(RECORDINGS[0]), "--playbook", "gc-pressure")
    checked(document | {"action": to_json(TRIAL)})
    assert to_json(TRIAL)["helped"] is True


@pytest.mark.parametrize("name", ["triage", "diff"])
def test_what_nobody_promised_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(file) for file in RECORDINGS[:2]]
    document = written(capsys, *(["triage", "--from", files[0]] if name == "triage" else ["diff", *files]))
    for path in objects(document, deep=3):
        changed = copy.deepcopy(document)
        place = changed
        for step in path:
            place = place[step]
        place["no such key"] = object
        with pytest.raises(ValidationError):
            validator(name).validate(changed)


def objects(node: Any, deep: int, path: tuple[Any, ...] = ()) -> Any:
    """The paths of the objects in a document."""
    if isinstance(node, dict):
        yield path
        items: Any = node.items()
    else:
        items = enumerate(node[:2]) if isinstance(node, list) else ()
    for key, value in items if len(path) < deep else ():
        yield from objects(value, deep, (*path, key))
