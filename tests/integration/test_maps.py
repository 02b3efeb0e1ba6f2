"""Containers that change, on bare interpreters of every version: found, named, watched without harm, let go."""

from __future__ import annotations

import functools
import os
import signal
from typing import Any

import pytest

from tests.support.bare import SCENES, placed, play, started
from tests.support.interpreters import Interpreter, each_interpreter
from tests.support.probed import probed

SHORT = os.environ.get("KDIAG_SLOW") == "short"
CHANGED = "changed-while-iterated"
WATCHERS = (3, 12)  # from here on writes are called back for
SEEN_BY_WATCHER = {"PLAIN", "shared", "series", "ordered", "counted"}


@functools.cache
def walked(python: Interpreter) -> dict[str, Any]:
    return play(python, "maps_walked")


def by_name(data: dict[str, Any], kind: str) -> dict[str, Any]:
    return {each["name"].rpartition(".")[2]: each for each in data["conflicts"] if each["kind"] == kind}


def line_of(scene: str, text: str) -> int:
    lines = (SCENES / f"{scene}.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@each_interpreter(one_per_minor=True)
def test_the_object_of_a_broken_loop_is_named_with_both_sides(python: Interpreter) -> None:
    said = walked(python)
    data = said["data"]
    changed = by_name(data, CHANGED)
    names = {each["name"] for each in changed.values()}
    assert {"maps_walked.PLAIN", "Registry.shared", "Registry.series", "Registry.ordered", "Registry.counted"} <= names
    assert "Registry.names" in names
    assert any("walk" in name for name in names), names  # a closure's
    for name in ("PLAIN", "shared", "series", "ordered", "counted", "names"):
        conflict = changed[name]
        assert conflict["iterates"]["ident"] == said["scraper"], conflict
        assert conflict["writes"]["ident"] == said["writer"], conflict
        assert conflict["writes"]["frames"][0][2].endswith(("write", "add")), conflict
    watched = {each["name"].rpartition(".")[2]: each for each in data["watched"]}
    if python.version >= WATCHERS:
        assert {name for name in SEEN_BY_WATCHER if changed[name]["seen"]} >= {"PLAIN", "shared", "series"}
        assert (data["limits"], watched["names"]["how"]) == ([], "code")
    else:
        assert data["limits"] == ["no-watchers"]
        assert not any(each["seen"] for each in data["conflicts"])


@each_interpreter(one_per_minor=True)
def test_a_loop_that_changes_its_own_dict_has_one_thread_on_both_sides(python: Interpreter) -> None:
    changed = walked(python)["data"]["conflicts"]
    own = next(each for each in changed if "alone" in each["name"])
    assert own["iterates"]["ident"] == own["writes"]["ident"]


@each_interpreter(one_per_minor=True)
def test_what_is_walked_and_written_under_one_lock_is_no_conflict(python: Interpreter) -> None:
    said = walked(python)
    assert said["guarded"][0]["name"] == "maps_walked.LOCKED"
    assert not [each for each in said["data"]["conflicts"] if each["name"].endswith("LOCKED")]
    if python.version >= WATCHERS:
        assert next(each for each in said["data"]["watched"] if each["name"].endswith("LOCKED"))["writes"] > 0


@each_interpreter(minimum=WATCHERS, one_per_minor=True)
def test_a_lost_update_is_found_without_an_exception(python: Interpreter) -> None:
    data = play(python, "maps_lost", "guard")["data"]
    found = by_name(data, "lost-update")
    assert set(found) == {"LOST"}, found
    assert found["LOST"]["writes"]["frames"][0][1:] == [line_of("maps_lost", "# CULPRIT"), "lost"]
    assert found["LOST"]["writes"]["thread"] != found["LOST"]["other"]["thread"]
    assert set(by_name(data, "unlocked-writes")) == {"LOST", "GAUGE", "ATOMIC", "SETTINGS"}


@each_interpreter(minimum=WATCHERS, one_per_minor=True)
def test_a_scan_proposes_what_several_threads_write_to(python: Interpreter) -> None:
    said = play(python, "maps_lost", "scan")
    suspects = {each["name"].rpartition(".")[2]: each for each in said["data"]["suspects"]}
    assert said["count"] == 5
    assert {name for name, each in suspects.items() if not each["locked"]} == {"LOST", "GAUGE", "ATOMIC", "SETTINGS"}
    assert suspects["LOCKED"]["locked"]
    assert suspects["LOST"]["path"] == "maps_lost:LOST"
    assert said["data"]["conflicts"] == []


@each_interpreter(minimum=WATCHERS)
def test_watched_dicts_survive_whatever_threads_do_to_them(python: Interpreter) -> None:
    said = play(python, "maps_safe", 2)
    assert (said["wrong"], said["sound"]) == (0, True)
    assert said["noted"] > 100


@pytest.mark.slow
@each_interpreter(minimum=WATCHERS)
def test_watched_dicts_survive_for_long(python: Interpreter) -> None:
    said = play(python, "maps_safe", 8 if SHORT else 30, timeout=150)
    assert (said["wrong"], said["sound"]) == (0, True)


ENDS = {
    "return": 0, "sys.exit": 5, "thread": 0, "os._exit": 6, "SIGTERM": -signal.SIGTERM, "handler": 7, "raise": 9,
    "fork": 8, "fork-stop": 8,
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
@each_interpreter(minimum=WATCHERS, one_per_minor=True)
def test_a_process_ends_as_it_would_without_us(python: Interpreter, how: str) -> None:
    with placed(python) as folder, started(python, folder, "maps_ends", how) as process:
        out, err = process.communicate(timeout=120)
    err = "".join(line for line in err.splitlines(keepends=True) if not _warns_of_forks(line))
    assert (process.returncode, out, err) == (ENDS[how], "", "")


def _warns_of_forks(line: str) -> bool:
    """From 3.12 on Python warns a process that forks and has threads; these are the scene's own."""
    return "multi-threaded, use of fork() may lead to deadlocks" in line or line.strip() == "child = os.fork()"


@each_interpreter(minimum=WATCHERS, one_per_minor=True)
def test_what_a_signals_handler_raises_is_not_lost_in_a_callback(python: Interpreter) -> None:
    said = play(python, "maps_signals")
    assert said["raised"] == said["caught"] == 200


@each_interpreter(one_per_minor=True)
def test_a_guard_by_name_leaves_nothing_behind(python: Interpreter) -> None:
    with probed(python) as process:
        with process.enter() as channel:
            channel.request("start", sensors=["crashes", "maps"])
            watched = channel.request("guard", names=["__main__:_held", "probed:COMMANDS"])["watched"]
            assert [each["type"] for each in watched] == ["dict", "dict"]
            process.do("remember_modules")
            told = channel.request("read", sensors={"maps": 0})["maps"]
            assert [each["name"] for each in told["watched"]] == ["probed._held", "probed.COMMANDS"]
            if python.version >= WATCHERS:
                assert told["watched"][0]["writes"] > 0
            assert channel.cost().crashes == 0, channel.cost()
        process.assert_clean()
        assert process.do("living_modules")["names"] == []
