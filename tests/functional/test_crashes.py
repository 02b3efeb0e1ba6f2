"""`kdiag crashes`, as its users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.kdiag import command, kdiag

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kdiag import Ran

SHOP = """
import os, sys
class Lister:
    def get(self, name):
        if name in ("a",):
            return object()
def handle(lister, name):
    node = lister.get(name)
    return node.name
def main():
    if sys.argv[1] == "abort":
        import faulthandler, time
        while not faulthandler.is_enabled(): time.sleep(0.01)
        os.abort()
    handle(Lister(), "b")
main()
"""
ONLY_PRELOADED = "Only processes that kdiag was in leave a record"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    script = tmp_path / "shop.py"
    script.write_text(SHOP)
    os.utime(script, (0, 0))
    return script


def crash(shop: Path, how: str) -> int:
    """Have the shop crash under `kdiag run`, and return its PID."""
    with subprocess.Popen(command("run", "--", sys.executable, shop, how), stderr=subprocess.DEVNULL) as service:
        assert service.wait(60) != 0
        return service.pid


def crashes(*arguments: object) -> Ran:
    return kdiag("crashes", *map(str, arguments), env={"COLUMNS": "300"})


def test_a_none_is_explained_after_the_process_is_gone(shop: Path) -> None:
    pid = crash(shop, "none")
    seen = crashes(pid)
    assert seen.code == 1
    assert f"pid {pid}: AttributeError: 'NoneType' object has no attribute 'name'" in seen.out
    assert f"  {shop}:9  handle\n        return node.name" in seen.out
    assert "  node was None\n" in seen.out
    assert f"{shop}:8: `node = lister.get(name)`" in seen.out
    assert ONLY_PRELOADED in seen.out
    (found,) = crashes(pid, "--format", "json").json["crashes"]
    assert (found["kind"], found["was_none"], found["origins"][0]["line"]) == ("nil", ["node"], 8)
    assert [frame["line"] for frame in found["frames"]] == [9, 15, 16]


def test_a_fatal_signal_is_explained_after_the_process_is_gone(shop: Path) -> None:
    pid = crash(shop, "abort")
    seen = crashes(pid)
    assert seen.code == 1
    assert f"pid {pid}: SIGABRT ended it" in seen.out
    assert f"  {shop}:14  main\n        os.abort()" in seen.out
    (found,) = crashes(pid, "--format", "json").json["crashes"]
    assert (found["signal"], found["kind"], found["uncaught"]) == ("SIGABRT", "signal", None)


def test_all_crashes_are_listed_in_their_order_and_folders_can_be_named(shop: Path, tmp_path: Path) -> None:
    pids = [crash(shop, "none"), crash(shop, "abort"), crash(shop, "none")]
    listed = [each["pid"] for each in crashes("--format", "json").json["crashes"]]
    assert [pid for pid in listed if pid in pids] == pids
    of_folder = crashes(tmp_path / "kdiag", "--format", "json").json
    assert [each["pid"] for each in of_folder["crashes"]] == pids
    assert of_folder["folders"] == [str(tmp_path / "kdiag")]


def test_lines_that_have_been_written_since_are_not_shown(shop: Path) -> None:
    pid = crash(shop, "none")
    shop.write_text(SHOP.replace("\n", "\n\n"))
    seen = crashes(pid)
    assert f"{shop}:9  handle" in seen.out
    assert "return node.name" not in seen.out
    assert "node was None" in seen.out  # the record says so without the source
    assert "Files have been written since the crash" in seen.out


def test_nothing_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    seen = crashes(tmp_path / "empty")
    assert (seen.code, seen.err) == (0, "")
    assert seen.out.startswith("No crash is recorded.\n")
    assert ONLY_PRELOADED in seen.out
    assert crashes(os.getpid()).code == 4  # of a process that was never preloaded nothing is known
    data = crashes(os.getpid(), "--format", "json").json
    assert (data["schema"], data["crashes"]) == ("kdiag.crashes/v1", [])
    assert data["limitations"][0]["reference"] == "only-preloaded"


def test_a_folder_that_cannot_be_read() -> None:
    seen = crashes("/nowhere")
    assert (seen.code, seen.reference, seen.out) == (3, "no-such-folder", "")
    assert crashes("/dev/null").code == 3


def test_the_help_says_who_leaves_records() -> None:
    text = " ".join(kdiag("crashes", "--help").out.split())
    assert ONLY_PRELOADED in text
    assert "Exit codes:" in text
