"""Where records of crashes are kept: one user's folder, small whatever happens, and nothing in it without a crash."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kdiag.probe import postmortem, state
from kdiag.probe.postmortem import append
from kdiag.probe.state import FatalFile, in_state_folder, state_folder, sweep
from kdiag.sources import crash_records

LEFT = "4711 1 3.11.7 app.py\n"
STACK = "Fatal Python error: Aborted\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "kdiag"


def test_both_sides_agree_on_names() -> None:
    assert set(crash_records.RECORDS) == {postmortem.RECORDS, postmortem.RECORDS + postmortem.OLDER}
    assert (crash_records.FATAL, crash_records.SHARED) == (state.FATAL, state.SHARED)


def test_the_folder_is_its_users_alone(home: Path) -> None:
    assert state_folder() == str(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_a_folder_that_may_be_anothers_is_not_taken(
    kind: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(state, "SHARED", (str(shared),))
    if kind == "a link":
        (tmp_path / "elsewhere").mkdir(0o700)
        home.symlink_to(tmp_path / "elsewhere")
    elif kind == "a file":
        home.touch(0o600)
    else:
        home.mkdir()
        home.chmod(0o755)
    assert state_folder() == f"{shared}/.kdiag-{os.geteuid()}-crashes"


def test_where_there_can_be_none_that_is_an_error_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr(state, "SHARED", (str(tmp_path / "nowhere"),))
    with pytest.raises(FileNotFoundError):
        state_folder()


def test_records_are_bounded_and_the_newest_stay(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postmortem, "MOST_BYTES", 1000)
    for number in range(100):
        append(state_folder(), {"number": number})
    files = [home / postmortem.RECORDS, home / (postmortem.RECORDS + postmortem.OLDER)]
    assert all(each.stat().st_size <= 1000 and stat.S_IMODE(each.stat().st_mode) == 0o600 for each in files)
    numbers = [json.loads(line)["number"] for each in reversed(files) for line in each.read_text().splitlines()]
    assert numbers == list(range(numbers[0], 100))


def test_a_record_is_not_written_through_a_link(home: Path, tmp_path: Path) -> None:
    state_folder()
    (home / postmortem.RECORDS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        append(str(home), {})


def test_many_processes_write_at_once_and_nothing_is_lost(home: Path) -> None:
    program = (
        "import sys; from kdiag.probe.postmortem import append; from kdiag.probe.state import state_folder\n"
        "for number in range(50): append(state_folder(), {'who': sys.argv[1], 'number': number})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(number)]) for number in range(4)]
    assert [each.wait(60) for each in writers] == [0] * 4
    records = [json.loads(line) for line in (home / postmortem.RECORDS).read_text().splitlines()]
    assert len({(record["who"], record["number"]) for record in records}) == 200


def test_a_file_for_signals_says_whose_it_is_and_goes_with_its_folder(home: Path) -> None:
    file = in_state_folder(FatalFile)
    path = Path(file.path)
    assert path.read_text() == f"{os.getpid()} {os.getppid()} {sys.version.split()[0]} {sys.argv[0]}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert file.descriptor > 900
    assert not os.get_inheritable(file.descriptor)
    assert file.intact
    file.remove()
    sweep(file.folder)
    assert not home.exists()


def test_a_folder_that_is_swept_away_meanwhile_is_made_anew(home: Path) -> None:
    tries = []

    def use(folder: str) -> FatalFile:
        tries.append(folder)
        if len(tries) < 3:
            sweep(folder)
        return FatalFile(folder)

    in_state_folder(use).remove()
    assert tries == [str(home)] * 3


def test_what_a_process_left_that_was_killed_while_it_made_one_goes(home: Path) -> None:
    state_folder()
    for name, at in (("new-1-a.txt", 0.0), ("new-2-b.txt", time.time())):
        (home / name).touch()
        os.utime(home / name, (at, at))
    sweep(str(home))
    assert [path.name for path in home.iterdir()] == ["new-2-b.txt"]


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(home: Path) -> None:
    file = in_state_folder(FatalFile)
    os.close(file.descriptor)
    other = os.open("/dev/null", os.O_RDONLY)
    os.dup2(other, file.descriptor)
    try:
        assert not file.intact
        file.remove()
        os.fstat(file.descriptor)  # it is open
        assert list(home.iterdir()) == []
    finally:
        os.close(file.descriptor)
        os.close(other)


def test_what_killed_processes_left_goes_and_crashes_stay(home: Path) -> None:
    state_folder()
    (home / "fatal-1-a.txt").write_text(LEFT)
    (home / "fatal-2-b.txt").write_text("")
    (home / "fatal-3-c.txt").write_text(LEFT + STACK)
    sweep(str(home))
    assert [path.name for path in home.iterdir()] == ["fatal-3-c.txt"]


def test_of_too_many_crashes_the_newest_stay(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MOST_FATAL", 2)
    state_folder()
    for number in range(5):
        path = home / f"fatal-{number}-x.txt"
        path.write_text(LEFT + STACK)
        os.utime(path, (number, number))
    sweep(str(home))
    assert sorted(path.name for path in home.iterdir()) == ["fatal-3-x.txt", "fatal-4-x.txt"]


def test_the_file_of_a_process_that_lives_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MOST_FATAL", 0)
    file = FatalFile(state_folder())
    program = "import sys; from kdiag.probe.state import sweep; sweep(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, file.folder], check=True, timeout=60)
    assert [str(path) for path in home.iterdir()] == [file.path]
    file.remove()


def test_what_a_fatal_signal_has_begun_to_write_stays_when_kdiag_leaves(home: Path) -> None:
    file = FatalFile(state_folder())
    os.write(file.descriptor, STACK.encode())
    file.remove()
    (left,) = crash_records.read_folder(home)
    assert left.signal == "SIGABRT"
