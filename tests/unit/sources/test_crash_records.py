"""Records of crashes are read with care: they may be anybody's files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kdiag.core.model import Ended, Frame
from kdiag.sources import crash_records
from kdiag.sources.crash_records import own_folders, read_folder

if TYPE_CHECKING:
    from pathlib import Path

RECORD: dict[str, Any] = {
    "schema": "kdiag.crash/v1",
    "at": 1795342202.5,
    "pid": 7,
    "parent": 1,
    "python": "3.11.7",
    "program": "app.py",
    "uncaught": "shop.Failed",
    "crash": {
        "type": "AttributeError",
        "message": "'NoneType' object has no attribute 'name'",
        "kind": "nil",
        "frames": [
            {"file": "/srv/shop.py", "line": 6, "function": "handle", "first": 4, "span": None, "none": ["node"]},
        ],
        "used": {
            "chain": ["node"], "how": "attribute", "attribute": "name", "stored_at": 5, "argument": False,
            "owner": None,
        },
    },
}  # fmt: skip
FATAL = """9 7 3.12.1 my app.py
Fatal Python error: Segmentation fault

Thread 0x00007f01 (most recent call first):
  File "/srv/kdiag/probe/preloaded.py", line 194 in _next_host
  File "/srv/kdiag/probe/preloaded.py", line 157 in _run

Thread 0x00007f02 [worker] (most recent call first):
  <no Python frame>

Current thread 0x00007f03 [MainThread] (most recent call first):
  File "/srv/app.py", line 3 in inner
  File "/srv/app.py", line 9 in <module>

Extension modules: _ctypes, shop (total: 2)
"""


def read(folder: Path) -> list[Ended]:
    return list(read_folder(folder))


def test_an_exception(tmp_path: Path) -> None:
    (tmp_path / "crashes.jsonl").write_text(json.dumps(RECORD) + "\n")
    (ended,) = read(tmp_path)
    assert (ended.pid, ended.parent, ended.uncaught, ended.at.timestamp()) == (7, 1, "shop.Failed", RECORD["at"])
    assert ended.frames == (Frame("/srv/shop.py", 6, "handle"),)
    assert ended.crash is not None
    assert ended.crash.used is not None
    assert ended.crash.used.chain == ("node",)


def test_a_fatal_signal(tmp_path: Path) -> None:
    (tmp_path / "fatal-9-abcd.txt").write_text(FATAL)
    (ended,) = read(tmp_path)
    assert (ended.pid, ended.python, ended.program, ended.signal) == (9, "3.12.1", "my app.py", "SIGSEGV")
    assert ended.frames == (Frame("/srv/app.py", 3, "inner"), Frame("/srv/app.py", 9, "<module>"))
    assert [thread.ident for thread in ended.threads] == ["00007f03", "00007f02"]  # ours is no part of the story


def test_a_process_that_lives_or_was_killed_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "fatal-9-abcd.txt").write_text(FATAL.splitlines()[0] + "\n")
    (tmp_path / "fatal-8-abcd.txt").write_text("")
    assert read(tmp_path) == []


def test_older_records_are_read_too(tmp_path: Path) -> None:
    for name in "crashes.jsonl", "crashes.jsonl.1":
        (tmp_path / name).write_text(json.dumps(RECORD) + "\n")
    assert len(read(tmp_path)) == 2


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "null", "\0", json.dumps(RECORD | {"schema": "kdiag.crash/v9"}),
        json.dumps(RECORD | {"pid": -1}), json.dumps(RECORD | {"at": 1e300}), json.dumps(RECORD | {"crash": None}),
        json.dumps(RECORD)[:-20],
    ],
)  # fmt: skip
def test_what_is_no_record_is_passed_over(line: str, tmp_path: Path) -> None:
    (tmp_path / "crashes.jsonl").write_text(f"{line}\n{json.dumps(RECORD)}\n")
    assert len(read(tmp_path)) == 1


@given(some.binary(max_size=400))
def test_any_file_is_survived(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in "crashes.jsonl", "fatal-1-a.txt":
        (folder / name).write_bytes(content)
    read(folder)
    (folder / "fatal-1-a.txt").write_bytes(FATAL.encode() + content)
    assert len(read(folder)) == 1


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(FATAL)
    (tmp_path / "fatal-9-abcd.txt").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "crashes.jsonl")
    assert read(tmp_path) == []


def test_folders_of_processes_are_found_where_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert tmp_path / "kdiag" not in own_folders()
    (tmp_path / "kdiag").mkdir()
    assert own_folders()[0] == tmp_path / "kdiag"


def test_a_folder_that_somebody_else_has_made_in_a_shared_one_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(crash_records, "SHARED", (str(tmp_path),))
    own = tmp_path / f".kdiag-{os.geteuid()}-crashes"
    own.mkdir()
    (tmp_path / ".kdiag-4711-crashes").mkdir()  # it is ours, and says that it is another's
    (tmp_path / ".kdiag-4712-crashes").symlink_to(own)
    assert own_folders() == [own]
