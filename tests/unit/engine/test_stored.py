"""What kdiag has written is read again: reports as JSON and recordings alike."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.core.comparison import compare
from kdiag.core.report import json_
from kdiag.engine.stored import read_report
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.core.model import Report

FOLDER = Path(__file__).parents[2] / "recordings"
SICK = FOLDER / "gc-pressure.kdiag"


def written(file: Path, report: Report) -> Path:
    file.write_text("\n".join(json_.render(report)), encoding="utf-8")
    return file


@pytest.mark.parametrize("recording", sorted(FOLDER.glob("*.kdiag")), ids=lambda file: str(file.stem))
def test_a_report_as_json_says_what_its_recording_says(recording: Path, tmp_path: Path) -> None:
    report = read_report(recording)
    again = read_report(written(tmp_path / "report.json", report))

    assert json_.to_json(again)["findings"] == json_.to_json(report)["findings"]
    assert again.verdict == report.verdict
    assert not compare(again, report).worsened("info", 0.0)


def test_a_tree_is_read_with_each_process_of_its_own(tmp_path: Path) -> None:
    healthy = read_report(FOLDER / "healthy.kdiag")
    tree = replace(healthy, children=(read_report(SICK),))
    again = read_report(written(tmp_path / "report.json", tree))

    assert again.findings == ()
    assert [child.verdict for child in again.children] == ["gc-pressure"]


def test_numbers_that_json_has_no_word_for(tmp_path: Path) -> None:
    report = read_report(SICK)
    finding = report.findings[0]
    endless = replace(finding, evidence=(replace(finding.evidence[0], value=math.inf),))
    file = written(tmp_path / "report.json", replace(report, findings=(endless,), vitals={"rss_bytes": math.nan}))

    assert math.isnan(read_report(file).findings[0].evidence[0].value)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "1", "{}", '{"schema": "kdiag.report/v2"}', '{"schema": "kdiag.report/v1", "findings": []}', "\xff"],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "report.json"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(KdiagError) as caught:
        read_report(file)
    assert caught.value.reference == "bad-report"
    assert caught.value.hint


def test_a_report_with_a_wrong_type_is_refused(tmp_path: Path) -> None:
    tree: dict[str, Any] = json_.to_json(read_report(SICK))
    tree["observation"]["duration_s"] = "long"
    file = tmp_path / "report.json"
    file.write_text(json.dumps(tree))
    with pytest.raises(KdiagError) as caught:
        read_report(file)
    assert "duration_s" in caught.value.cause


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KdiagError) as caught:
        read_report(tmp_path / "none.json")
    assert caught.value.reference == "unreadable-file"
