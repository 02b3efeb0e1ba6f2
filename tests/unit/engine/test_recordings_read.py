"""The recordings that other tests show: each is small, and the diagnosis of it is what its name says."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from kdiag.engine.diagnosis import diagnosed

RECORDINGS = sorted((Path(__file__).parents[2] / "recordings").glob("*.kdiag"))


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: str(file.stem))
def test_a_recording_is_what_its_name_says(file: Path) -> None:
    report = diagnosed([file])

    assert report.verdict == file.stem
    assert report.observation.access == "probe"
    assert report.observation.duration_s >= 5
    assert file.stat().st_size < 100_000
    assert not re.search(rb"/(?:root|home)/", gzip.decompress(file.read_bytes()))


def test_there_is_one_of_each_kind() -> None:
    assert {file.stem for file in RECORDINGS} >= {"healthy", "pool-exhaustion", "deadlock", "dict-mutation"}


def test_a_tree_has_its_head_first() -> None:
    head, below = RECORDINGS[:2]
    report = diagnosed([head, below])

    assert report.verdict == head.stem
    assert [child.verdict for child in report.children] == [below.stem]
