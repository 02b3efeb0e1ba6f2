"""Commands that look at one thing record all that a diagnosis reads, and what they record is opened as any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.engine.recording import read_recording
from kdiag.engine.replay import replay
from tests.support.kdiag import kdiag
from tests.support.targets import start_target

if TYPE_CHECKING:
    from pathlib import Path


def test_what_looks_for_a_time_records_beside(tmp_path: Path) -> None:
    with start_target("gc_big_heap") as target:
        commands = (
            ("gc", target.pid, "--for", "1s"),
            ("profile", target.pid, "--for", "1s", "-f", "collapsed"),
            ("pools", target.pid),
        )
        for command in commands:
            file = tmp_path / f"{command[0]}.kdiag"
            ran = kdiag(*command, "--record", file)
            assert file.exists(), ran.err
            assert read_recording(file).whole.process, command

    told = kdiag("diagnose", "--from", tmp_path / "gc.kdiag", "--format", "json").json
    assert told["observation"]["samples"]["probe"] > 0
    assert replay(tmp_path / "gc.kdiag", window_s=10.0)
    assert kdiag("gc", target.pid, "--record", tmp_path).reference == "output-unwritable"
