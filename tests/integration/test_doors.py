"""Doors seen from outside: whose they are is checked before anything is said, and dead ones are removed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.doors import Door, find_door
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A door of this process's own."""
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "door"))
        listener.listen()
        yield folder / "door"


def open_files() -> set[str]:
    """The open descriptors of this process, and what they are."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of this listing
            found.add(f"{each.name}: {os.readlink(each)}")
    return found


def refusal(path: Path, pid: int | None = None, uid: int | None = None) -> str:
    with pytest.raises(KdiagError) as error:
        Door(path, os.getpid() if pid is None else pid, os.geteuid() if uid is None else uid).enter()
    return error.value.reference


def test_one_that_is_the_targets_is_entered(path: Path) -> None:
    before = open_files()
    door = Door(path, os.getpid(), os.geteuid())
    door.enter().close()
    door.close()
    door.close()
    assert open_files() <= before  # what an earlier test has left may be closed meanwhile


def test_one_that_others_may_enter_is_not(path: Path) -> None:
    path.parent.chmod(0o755)
    assert refusal(path) == "probe-refused"


def test_one_of_another_user_is_not(path: Path) -> None:
    assert refusal(path, uid=os.geteuid() + 1) == "probe-refused"


def test_one_with_another_process_behind_it_is_not(path: Path) -> None:
    assert refusal(path, pid=os.getppid()) == "probe-refused"


def test_a_link_to_one_is_not(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path.parent)
    assert refusal(tmp_path / "link" / "door") == "probe-refused"


def test_one_that_nobody_listens_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    assert refusal(tmp_path / "folder" / "door") == "probe-gone"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "folder" / "door"))
    assert refusal(tmp_path / "folder" / "door") == "probe-gone"


def test_one_of_a_process_that_has_ended(path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path.unlink()
    assert refusal(path, pid=ended.pid) == "target-ended"


def test_a_path_longer_than_a_sockets_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir(mode=0o700)
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("door")
        listener.listen()
        door = Door(folder / "door", os.getpid(), os.geteuid())
        door.enter().close()
        door.close()


@pytest.fixture
def stale() -> Iterator[Path]:
    """What a process with our number has left."""
    folder = Path("/tmp") / f".kdiag-{os.geteuid()}-{os.getpid()}"  # noqa: S108 - where doors are
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "door"))
    yield folder
    if folder.exists():
        (folder / "door").unlink(missing_ok=True)
        folder.rmdir()


def test_a_dead_one_is_removed_when_it_is_looked_for(stale: Path) -> None:
    assert find_door(read_facts(os.getpid())) is None
    assert not stale.exists()


def test_a_folder_that_is_no_door_of_the_targets_is_left_alone(stale: Path) -> None:
    stale.chmod(0o755)
    assert find_door(read_facts(os.getpid())) is None
    assert stale.exists()


def test_a_process_that_we_may_not_look_into_has_none() -> None:
    assert find_door(replace(read_facts(os.getpid()), pid=2**22 + 1)) is None
