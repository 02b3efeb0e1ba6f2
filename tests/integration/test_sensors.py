"""The sensors on bare interpreters of every version: exact, right, and gone when they stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.bare import SCENES, placed, play, started
from tests.support.interpreters import Interpreter, each_interpreter, of_minor

SHORT = os.environ.get("KDIAG_SLOW") == "short"


def culprit(scene: str) -> int:
    """The line that a scene marks."""
    lines = (SCENES / f"{scene}.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if "# CULPRIT" in line)


@each_interpreter()
def test_the_collector_is_accounted_for_exactly(python: Interpreter) -> None:
    said = play(python, "collector")
    data = said["data"]
    assert said["least"] - 1e-6 <= sum(data["seconds"]) <= said["most"] + 1e-6
    assert data["seen"] == data["collections"]
    assert sum(data["collections"]) > 50
    assert data["dropped"] == 0
    assert sum(count for _, count in data["histogram"]) == sum(data["seen"])
    looked, freed = data["young"]
    assert 0 <= freed <= looked
    assert said["hook_s"] > 0
    assert said["restored"]


@each_interpreter()
def test_collections_are_put_down_to_the_line_that_allocates(python: Interpreter) -> None:
    said = play(python, "collector")
    by_thread = {place["ident"]: place for place in said["data"]["places"]}
    file, line, _ = by_thread[said["ident"]]["frames"][0]
    assert (Path(file).name, line) == ("collector.py", culprit("collector"))
    assert by_thread[said["ident"]]["asked"] == 0
    by_hand = [place for place in said["data"]["places"] if place["ident"] == said["main"] and place["asked"]]
    assert by_hand, said
    assert said["data"]["asked"] >= 1


@each_interpreter(one_per_minor=True)
def test_a_signal_that_arrives_during_a_collection_is_not_lost(python: Interpreter) -> None:
    """Its handler raises; inside of a callback written in Python the exception would be printed and forgotten."""
    for _ in range(3):
        with placed(python) as folder, started(python, folder, "signals") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (7, "")


@each_interpreter(one_per_minor=True)
def test_collections_without_a_frame_say_nothing(python: Interpreter) -> None:
    said = play(python, "frameless")
    assert said["collections"] - said["seen"] == said["dropped"]


@each_interpreter()
def test_a_generator_made_while_a_collection_starts_keeps_its_frame(python: Interpreter) -> None:
    """On 3.11 the frame of a generator that is being made is no frame to look at: processes died of that."""
    said = play(python, "generators")
    assert said["wrong"] == 0
    assert said["collections"] > 100
    assert said["places"]


@each_interpreter(one_per_minor=True)
def test_collections_are_accounted_for_after_the_recursion_limit_was_reached(python: Interpreter) -> None:
    said = play(python, "recursion")
    assert said["placed"] == said["seen"] == said["collections"] >= 100


WAITS: dict[str, tuple[str, str, bool]] = {
    # thread: kind, name, whether the holder is known
    "lock_with": ("lock", "waits.LOCK", True),
    "lock_acquire": ("lock", "waits.LOCK", True),
    "slots": ("lock", "Slots.lock", True),
    "store": ("lock", "Store.lock", True),
    "hostile": ("lock", "Hostile.lock", True),
    "lock_local": ("lock", "local", False),
    "rlock": ("rlock", "waits.RLOCK", True),
    "condition_enter": ("rlock", "waits.ENTERED", True),
    "condition_wait": ("condition", "waits.CONDITION", False),
    "event": ("event", "waits.EVENT", False),
    "semaphore": ("semaphore", "waits.SEMAPHORE", False),
    "barrier": ("barrier", "waits.BARRIER", False),
    "queue_get": ("queue", "waits.QUEUE", False),
    "simple_get": ("queue", "waits.SIMPLE", False),
    "future": ("future", "waits.FUTURE", False),
    "join": ("thread", "waits.holder", True),
}


@each_interpreter()
def test_every_kind_of_wait_is_told_by_its_object(python: Interpreter) -> None:
    said = play(python, "waits")
    threads: dict[str, Any] = {thread["name"]: thread for thread in said["data"]["threads"]}
    found = {
        name: (wait["kind"], wait["name"], wait["owner"] == said["ident"])
        for name, thread in threads.items()
        if (wait := thread.get("wait")) and name in WAITS
    }
    assert found == WAITS
    assert {threads[name]["wait"]["id"] for name in ("lock_with", "lock_acquire", "slots")} == {said["lock"]}
    assert threads["lock_with"]["wait"]["held_at"][2] == "hold"
    assert {name for name in WAITS if threads[name]["wait"].get("limited")} == {"slots", "condition_wait", "event"}
    assert "wait" not in threads["sleep"]
    assert threads["twice"]["wait"]["owner"] == threads["twice"]["ident"]
    waiting = threads["queue_get"]
    assert waiting["frames"][waiting["wait"]["depth"]][2] == "queue_get"


@each_interpreter()
def test_no_code_of_the_targets_runs_and_our_own_threads_are_left_out(python: Interpreter) -> None:
    said = play(python, "waits")
    assert said["touched"] == []
    assert "kdiag-probe" not in {thread["name"] for thread in said["data"]["threads"]}


@each_interpreter()
def test_a_blocked_loop_is_measured_and_its_callback_named(python: Interpreter) -> None:
    said = play(python, "loops")
    (loop,) = said["data"]["loops"]
    assert (loop["thread"], loop["ident"]) == ("looper", said["ident"])
    blocked = [delay for delay in said["data"]["delays"] if delay["seconds"] > 0.3]
    assert len(blocked) >= 3
    named = [(Path(file).name, line) for file, line, _ in (delay["frames"][0] for delay in blocked if delay["frames"])]
    assert ("loops.py", culprit("loops")) in named
    assert said["later"] == []


def test_looking_at_all_threads_does_not_hang_3_11() -> None:
    said = play(of_minor((3, 11)), "hang", 3)
    assert said["seen_off"] == 0
    assert not said["enabled_after"]
    assert said["looks"] > 0
    assert said["rounds"] > 0


@pytest.mark.slow
@each_interpreter(one_per_minor=True)
def test_looking_at_all_threads_does_not_hang_for_long(python: Interpreter) -> None:
    said = play(python, "hang", 8 if SHORT else 30, timeout=100)
    assert said["seen_off"] == 0
    assert not said["enabled_after"]


# By what is waited for: who holds it, whether it was taken by `with` (True) or a call (False), at a marked line.
OWNERS = {
    "called": ("hold_called", False),
    "caught": ("hold_caught", False),
    "condition": ("hold_condition", False),
    "entered": ("hold_entered", True),
    "one_by_one": ("hold_one", True),
    "store": ("hold", False),
}


@each_interpreter()
def test_who_can_end_each_wait(python: Interpreter) -> None:
    waits = play(python, "owners")["waits"]
    lines = (SCENES / "owners.py").read_text().splitlines()
    seen = {name: waits[f"want {name}"] for name in OWNERS}
    assert {name: (wait["owner"], wait.get("sure", True)) for name, wait in seen.items()} == OWNERS
    assert all(lines[wait["held_at"][1] - 1].endswith(f"# {name}") for name, wait in seen.items())
    either = waits["want finally_"]
    assert (either["owner"], either["held_at"]) == ("hold_finally", None)
    unknown = {name: waits[f"want {name}"] for name in ("let_go", "perhaps", "asked", "changed", "helped", "looped")}
    assert {name: wait["owner"] for name, wait in unknown.items()} == dict.fromkeys(unknown, "")
    several = waits["want several"]
    assert (several["owner"], several["holders"]) == ("", ["several-1", "several-2"])
    crossed = [(name, waits[name]["owner"], waits[name]["held_at"][2]) for name in ("cross-1", "cross-2")]
    assert crossed == [("cross-1", "cross-2", "cross"), ("cross-2", "cross-1", "cross")]
    assert waits["twice"]["owner"] == "twice"
    assert waits["running"]["owner"] == waits["want by_pool"]["owner"] == "pool_0"
    assert (waits["queued"]["owner"], waits["queued"]["workers"]) == ("", ["pool_0"])


@each_interpreter(one_per_minor=True)
def test_of_very_many_threads_those_are_told_that_wait_for_each_other(python: Interpreter) -> None:
    said = play(python, "crowd")
    one, other = said["pays"]
    assert (one["wait"]["owner"], other["wait"]["owner"]) == (other["ident"], one["ident"])
    assert said["idle_waits"] == ["event"]
    assert (said["told"], said["dropped"]) == (256, 603 - 256)


@each_interpreter(one_per_minor=True)
def test_a_look_at_very_many_threads_and_tasks_leaves_the_collector_little_to_do(python: Interpreter) -> None:
    """What is counted as what grows lets the collector look at the whole heap at last, in our thread."""
    said = play(python, "looks")
    assert (said["told"], said["tasks"] >= 1500) == (256, True)
    # For a thread that is told an object or two, and the variables of as many frames; nothing for all the others.
    assert said["kept"] < 4 * said["told"], said
    assert said["older"] == 0


TASKS = {
    "cook": ("lock", "Kitchen.till", ["serve"]),
    "serve": ("lock", "Kitchen.oven", ["cook"]),
    "again": ("lock", "lock", ["again"]),
    "want_one": ("semaphore", "Kitchen.one", ["keep_one"]),
    "keep_one": ("event", "Kitchen.event", []),
    "get": ("queue", "Kitchen.queue", []),
    "notified": ("condition", "Kitchen.condition", []),
    "iterate": ("event", "event", []),
    "sleep": ("sleep", "", []),
    "task": ("task", "what", ["cook"]),
    "shielded": ("task", "", ["cook"]),
    "gather": ("tasks", "", ["cook", "get"]),
    "all_of": ("tasks", "", ["cook", "get"]),
    "either": ("tasks", "", []),
    "group": ("tasks", "", ["child"]),
    "timed": ("task", "task", ["cook"]),
}


@each_interpreter()
def test_every_task_is_told_with_what_it_awaits_and_who_can_end_that(python: Interpreter) -> None:
    said = play(python, "tasks")
    tasks, threads = said["tasks"], said["threads"]
    wanted = TASKS if python.version >= (3, 11) else {n: t for n, t in TASKS.items() if n not in {"group", "timed"}}
    assert {name: (tasks[name]["kind"], tasks[name]["name"], tasks[name]["tasks"]) for name in wanted} == wanted
    assert {name for name, task in tasks.items() if task["limited"]} == {"limited"} | ({"timed"} & set(wanted))
    assert (tasks["work"]["owner"], tasks["queued"]["workers"]) == ("pool_0", ["pool_0"])
    lines = (SCENES / "tasks.py").read_text().splitlines()
    held = {"cook": "till", "serve": "oven", "again": "again", "want_one": "one"}
    assert all(lines[tasks[name]["held_at"][1] - 1].endswith(f"# {lock}") for name, lock in held.items())
    assert (tasks["cook"]["at"].split(".")[-1], tasks["cook"]["thread"], tasks["cook"]["state"]) == (
        "cook", "turns", "waiting",
    )  # fmt: skip
    assert (tasks["blocks"]["state"], tasks["blocks"]["thread"]) == ("running", "blocks")
    assert threads["asks"]["tasks"] == ["asked"]
    assert (threads["blocks"]["tasks"], threads["itself"]["owner"]) == (["keep"], "itself")
    assert lines[threads["blocks"]["held_at"][1] - 1].endswith("# kept")
    assert not {"sleep", "iterate", "notified", "either"} & set(said["involved"])
    assert {"cook", "serve", "keep", "asked"} <= set(said["involved"])


LOST = ("lost_future", "lost_event", "lost_queue", "lost_condition", "lost_generator")
WOKEN = ("called_back", "consume", "sleep")


@each_interpreter()
def test_tasks_that_nobody_holds_or_can_wake_are_told_from_healthy_ones(python: Interpreter) -> None:
    said = play(python, "orphans")
    assert said["touched"] == []  # no code of the service's ran
    proven = {name: known for name, known in said["proven"].items() if not name.startswith("Task-")}
    found = {known: {name for name, each in proven.items() if each == known} for known in set(proven.values())}
    assert found["orphan"] == set(LOST)
    assert found["endless"] == {f"kept {name}" for name in LOST}
    handler = {"answer"} if python.minor == (3, 9) else set()  # asyncio itself lets go of it there
    assert found["unheld"] == {*WOKEN, *handler}
    timed = {"timed"} if python.minor >= (3, 11) else set()
    assert found[""] - {"answer"} == {*(f"kept {name}" for name in WOKEN), "limited", "gathers", "server", *timed}


@each_interpreter(one_per_minor=True)
def test_pools_are_known_by_their_workers(python: Interpreter) -> None:
    pools = play(python, "pools")["pools"]
    orders = {name: pools["orders"][name] for name in ("kind", "size", "queued", "idle", "nested")}
    assert orders == {
        "kind": "concurrent.futures", "size": 2, "queued": 5, "idle": [], "nested": ["orders_0", "orders_1"],
    }  # fmt: skip
    assert (pools["others"]["size"], pools["others"]["queued"], pools["others"]["nested"]) == (1, 0, [])
    assert (pools["idle"]["size"], pools["idle"]["queued"]) == (3, 0)
    assert pools["idle"]["idle"] == pools["idle"]["workers"] == ["idle_0", "idle_1", "idle_2"]
    threads = pools["multiprocessing.pool"]
    assert (threads["size"], threads["queued"], threads["idle"], len(threads["workers"])) == (2, 3, [], 2)


KEEPERS = {
    ".SESSIONS": "Session", ".Registry.by_class": "Session", ".registry.held": "Session", ".slotted.queue": "Session",
    ".wrapped (closure seen)": "Session", ".default (default argument)": "Session", ".cached": "Session",
    ".BAG": "Session", ".NESTED[…]": "bytes", ".TEXTS": "str", ".counts": "int", ".alive": "Registry",
    ".PRODUCERS[…] (local rows)": "Session", ".INBOX": "Session", ".failure.causes": "Session",
    ".space.items": "Session", ".view[…]": "Session",
}  # fmt: skip


@each_interpreter()
def test_containers_that_grow_are_found_wherever_they_are(python: Interpreter) -> None:
    said = play(python, "keepers")
    assert said["touched"] == []  # no code of the service's ran
    growing = {each["root"] + each["path"]: each for each in said["data"]["growing"]}
    found = {name.removeprefix("keepers"): each["types"][0][0] for name, each in growing.items()}
    assert found.pop("", None) is None
    local = {name: types for name, types in found.items() if "(local " in name and name not in KEEPERS}
    assert set(local.values()) == {"bytes"}, found
    assert any(name.endswith("serve (local backlog)") for name in local), found
    assert {name: found.get(name) for name in KEEPERS} == KEEPERS
    assert not {".fixed", ".weak", ".weak.data"} & set(found), found
    assert all(each["after"] > each["before"] and each["seconds"] > 0 for each in growing.values())
    assert 5_000 < growing["keepers.SESSIONS"]["each"] < 6_000
    assert growing["keepers.NESTED[…]"]["containers"] == 2
    assert said["known"] > 0
    assert (said["left"], said["referrers"], said["outlived"]) == (0, 0, 0)


@each_interpreter()
def test_the_lines_that_start_threads_are_told(python: Interpreter) -> None:
    said = play(python, "starts")
    if python.minor < (3, 12):
        assert (said["data"]["available"], said["data"]["places"]) == (False, [])
        return
    most, other = said["data"]["places"]
    assert (most["count"], other["count"]) == (7, 1)
    file, line, function = most["frames"][0]
    assert (Path(file).name, line, function) == ("starts.py", culprit("starts"), "start")
    assert [each[2] for each in other["frames"][:2]] == ["Own.start", "<module>"]
    assert said["left"] == [None, None]
    assert said["later"] == said["data"]["places"]


def test_starts_are_not_told_where_others_have_the_tools() -> None:
    said = play(of_minor((3, 13)), "starts", "taken")
    assert (said["data"]["available"], said["data"]["places"]) == (False, [])
    assert said["left"] == ["theirs", "theirs"]


@each_interpreter()
def test_lines_that_open_files_and_sockets_or_make_threads_are_told_where_it_is_traced(
    python: Interpreter,
) -> None:
    said = play(python, "created")
    assert said["touched"] == []  # no code of the service's ran
    assert said["data"]["state"] == "done"
    lines = (SCENES / "created.py").read_text().splitlines()
    found = {
        each["kind"]: (each["count"], next(line for file, line in each["frames"] if file.endswith("created.py")))
        for each in said["data"]["created"]
    }
    marked = {each: 1 + next(n for n, line in enumerate(lines) if f"# {each.upper()}" in line) for each in found}
    assert found == {each: (said["came"], marked[each]) for each in ("file", "socket", "thread")}, said
    assert said["referrers"] == ["BufferedReader"] or said["referrers"] == []


@each_interpreter(one_per_minor=True)
def test_what_keeps_a_leak_is_found_with_the_line_that_puts_it_there(python: Interpreter) -> None:
    said = play(python, "leaks")
    kept = {name: at and at[1] for name, at in said["kept"]}
    lines = (SCENES / "leaks.py").read_text().splitlines()
    put = {line.partition("# PUT ")[2]: number for number, line in enumerate(lines, 1) if "# PUT Service" in line}
    assert {name: kept[name] for name in put} == put
    assert kept["leaks.KEPT"] == next(number for number, line in enumerate(lines, 1) if "KEPT.append" in line)
    assert {name for name, _ in said["kept"]} == {*put, "leaks.KEPT", "leaks.NESTED", "leaks.ALONE", "leaks.CALLBACK"}
    assert len(said["kept"]) == 8  # two of them in NESTED
    assert said["complete"]
