"""The hooks of the sensor `crashes` on bare interpreters of every version: they see all, the service sees none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.bare import SCENES, play
from tests.support.interpreters import Interpreter, each_interpreter
from tests.support.probed import probed, until

Groups = dict[tuple[str, str], dict[str, Any]]


def groups_of(said: dict[str, Any]) -> Groups:
    """The groups, by kind and by the bare name of the function that failed."""
    found = {}
    for group in said["data"]["groups"]:
        name = group["frames"][0]["function"] if group["frames"] else ""
        found[group["kind"], name.replace(".<locals>", "").split(".")[-1]] = group
    return found


def told(group: dict[str, Any]) -> tuple[int, int, dict[str, int]]:
    return group["count"], group["ended"], group["by"]


def line_of(scene: str, text: str) -> int:
    lines = (SCENES / f"{scene}.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


# How a crash on None in that function comes to light: how often, how many ended something, and who tells of it.
TOLD: dict[str, tuple[int, int, dict[str, int]]] = {
    "thread_dies": (1, 1, {"threading.excepthook": 1}),
    "raw_thread_dies": (1, 1, {"sys.unraisablehook": 1}),
    "__del__": (1, 0, {"sys.unraisablehook": 1}),
    "task_dies": (1, 1, {"asyncio": 1}),
    "callback_fails": (1, 0, {"asyncio": 1}),
    "future_dropped": (1, 1, {"concurrent.futures": 1}),
    "pool_dropped": (1, 1, {"multiprocessing.pool": 1}),
    "logged": (3, 0, {"logging": 3}),
    "logged_and_dies": (1, 1, {"threading.excepthook": 1}),
    "has_cause": (1, 1, {"threading.excepthook": 1}),
    "has_context": (1, 0, {"logging": 1}),
    "ends_process": (1, 1, {"sys.excepthook": 1}),
}
# Nobody tells of these; from 3.12 on they are seen when they are raised.
SILENT = {"swallowed": 5, "future_asked": 3, "future_in_loop": 1, "pool_asked": 1, "hidden": 1}


@each_interpreter()
def test_each_way_to_crash_is_told_of_once(python: Interpreter) -> None:
    said = play(python, "crashes")
    expected = dict(TOLD)
    if python.minor >= (3, 11):
        expected["in_group"] = (1, 1, {"threading.excepthook": 1})
    if python.minor >= (3, 12):
        expected |= {name: (count, 0, {"sys.monitoring": count}) for name, count in SILENT.items()}
    groups = groups_of(said)
    assert {name: told(group) for (kind, name), group in groups.items() if kind == "nil"} == expected
    assert all(group["type"] == "AttributeError" for (kind, _), group in groups.items() if kind == "nil")
    assert groups["nil", "logged"]["loggers"] == ["shop.worker"]
    assert groups["nil", "thread_dies"]["threads"] == ["thread_dies"]
    assert told(groups["other", "marked"]) == (2, 1, {"threading.excepthook": 1, "logging": 1})
    assert told(groups["other", "hidden"]) == (1, 0, {"logging": 1})
    assert groups["other", "hidden"]["type"] == "__main__.Mark"
    assert groups["other", "hidden"]["message"] == ""
    assert ("other", "exit") not in groups
    data = said["data"]
    assert (data["raises"], data["dropped"], data["crashes"]) == (python.minor >= (3, 12), 0, 0), data["last_crash"]
    assert said["again"] == []
    assert said["hook_s"] > 0


@each_interpreter()
def test_a_collection_that_changes_while_iterated_is_told_of_at_once(python: Interpreter) -> None:
    said = play(python, "crashes")
    where = "changes" if python.minor >= (3, 12) else "log_of"  # where it is raised, or caught
    assert said["observed"] == [
        ["dictionary changed size during iteration", where],
        ["Set changed size during iteration", where],
        ["deque mutated during iteration", where],
        ["OrderedDict mutated during iteration", where],
    ]
    group = groups_of(said)["mutation", "changes"]
    assert told(group) == (4, 0, {"logging": 4})
    assert group["message"] == "dictionary changed size during iteration"


@each_interpreter()
def test_nothing_stays_and_nothing_is_kept(python: Interpreter) -> None:
    said = play(python, "crashes")
    assert said["restored"]
    assert said["alive"] == 0


# What was None in that function: the chain of names, how it was used, and for an attribute which.
USED: dict[str, tuple[str, str, str] | None] = {
    "attribute": ("none", "attribute", "name"),
    "attribute_of_self": ("self.node", "attribute", "name"),
    "attribute_of_global": ("NODE", "attribute", "name"),
    "attribute_deep": ("store.inner.inner.node", "attribute", "name"),
    "attribute_of_property": ("store.dear", "attribute", "name"),
    "attribute_of_local": ("found", "attribute", "name"),
    "method": ("store.node", "attribute", "method"),
    "attribute_set": ("store.node", "attribute", "name"),
    "attribute_deleted": ("none", "attribute", "name"),
    "attribute_asked": ("none", "attribute", "name"),
    "attribute_of_call": None,
    "attribute_of_item": None,
    "attribute_of_other": ("none", "attribute", "name"),
    "attribute_augmented": ("none", "attribute", "count"),
    "call": ("none", "call", ""),
    "call_of_attribute": ("store.node", "call", ""),
    "call_of_global": ("NODE", "call", ""),
    "subscript": ("none", "subscript", ""),
    "subscript_by_attribute": ("store.node", "subscript", ""),
    "subscript_set": ("store.node", "subscript", ""),
    "subscript_deleted": ("none", "subscript", ""),
    "subscript_slice": ("none", "subscript", ""),
    "iteration": ("store.node", "iteration", ""),
    "iteration_in_comprehension": ("none", "iteration", ""),
    "iteration_by_call": ("none", "iteration", ""),
    "iteration_unpacked": ("none", "iteration", ""),
    "membership": ("store.node", "operation", ""),
    "unpack": ("none", "unpack", ""),
    "unpack_star": ("none", "unpack", ""),
    "unpack_mapping": ("none", "unpack", ""),
    "operation_left": ("none", "operation", ""),
    "operation_right": ("none", "operation", ""),
    "operation_text": ("none", "operation", ""),
    "operation_augmented": ("none", "operation", ""),
    "operation_augmented_attribute": ("store.inner.node", "operation", ""),
    "operation_less": ("none", "operation", ""),
    "operation_more": ("store.node", "operation", ""),
    "operation_unary": ("none", "operation", ""),
    "operation_length": ("none", "operation", ""),
    "operation_number": ("store.node", "operation", ""),
    "with_none": ("none", "with", ""),
    "with_attribute": ("store.node", "with", ""),
    "waits": ("none", "await", ""),
    "loops": ("store.node", "iteration", ""),
    "enters": ("none", "with", ""),
    "decorated": ("none", "attribute", "name"),
    "<genexpr>": ("none", "attribute", "name"),
    "free": ("self.node", "attribute", "name"),
    "sourceless": ("store.node", "attribute", "name"),
    "by_hand": None,
}


def used(group: dict[str, Any]) -> tuple[str, str, str] | None:
    found = group["used"]
    return found and (".".join(found["chain"]), found["how"], found["attribute"])


@each_interpreter()
def test_what_was_none_is_read_from_bytecode(python: Interpreter) -> None:
    said = play(python, "operands")
    groups = {name if name != "<listcomp>" else "free": group for (_, name), group in groups_of(said).items()}
    assert {name: used(group) for name, group in groups.items() if group["kind"] == "nil"} == USED
    assert groups["not_none"]["kind"] == "other"
    assert said["touched"] == ["property"]  # by the scene itself


@each_interpreter()
def test_where_it_came_from_is_told_with_it(python: Interpreter) -> None:
    groups = groups_of(play(python, "operands"))
    stored = groups["nil", "attribute_of_local"]
    assert stored["used"]["stored_at"] == line_of("operands", "# STORED")
    assert stored["frames"][0]["none"] == ["none", "found"]
    assert groups["nil", "attribute"]["used"]["argument"]
    assert not groups["nil", "attribute_deep"]["used"]["argument"]
    name, file, line = groups["nil", "attribute_of_self"]["used"]["owner"]
    assert (name, Path(file).name) == ("__main__.Store", "operands.py")
    text = "class Store" if python.minor >= (3, 13) else "def __init__"
    assert line == line_of("operands", text)


@each_interpreter(one_per_minor=True)
def test_places_have_columns_where_the_interpreter_knows_them(python: Interpreter) -> None:
    frame = groups_of(play(python, "operands"))["nil", "attribute"]["frames"][0]
    line = line_of("operands", "    return none.name")
    assert (frame["line"], frame["first"]) == (line, line - 1)
    assert frame["span"] == ([line, line, 11, 20] if python.minor >= (3, 11) else None)


@pytest.mark.parametrize("options", [("-O",), ("-OO",), ("-X", "no_debug_ranges")])
@each_interpreter(one_per_minor=True)
def test_optimised_bytecode_tells_the_same(python: Interpreter, options: tuple[str, ...]) -> None:
    said = play(python, "operands", options=options)
    groups = groups_of(said)
    assert used(groups["nil", "attribute_deep"]) == USED["attribute_deep"]
    if "no_debug_ranges" in options:
        assert groups["nil", "attribute_deep"]["frames"][0]["span"] is None


@each_interpreter()
def test_who_hooks_before_or_after_notices_nothing(python: Interpreter) -> None:
    said = play(python, "hooked_over")
    each_once = ["after", "before"]
    assert said["during"] == said["afterwards"]
    assert said["during"]["excepthook"] == each_once * 2  # of sys, of threading
    assert all(calls == each_once for name, calls in said["during"].items() if name != "excepthook")
    assert said["untouched"]
    assert said["late"] == []
    assert said["alive"] == []  # what is held of ours holds nothing of ours
    (group,) = said["data"]["groups"]
    assert told(group) == (2, 2, {"sys.excepthook": 1, "threading.excepthook": 1})


@each_interpreter()
def test_at_the_end_of_the_stack_the_service_meets_the_same(python: Interpreter) -> None:
    said = play(python, "deep")
    assert said["during"] == said["before"] == ["RecursionError", "", ""]
    assert set(said["deep"]) <= {"RecursionError"}
    assert said["data"]["crashes"] == 0


@each_interpreter()
def test_what_a_signals_handler_raises_in_a_hook_is_not_lost(python: Interpreter) -> None:
    said = play(python, "interrupted", 1000)
    assert said["raised"] == said["seen"] > 0
    assert said["went_on"]
    assert said["data"]["crashes"] == 0


@each_interpreter()
def test_threads_at_full_speed_are_accounted_for(python: Interpreter) -> None:
    said = play(python, "full_speed", 1)
    groups, counts = groups_of(said), said["counts"]
    assert told(groups["nil", "logs"]) == (counts["logs"], 0, {"logging": counts["logs"]})
    assert told(groups["nil", "dies"]) == (counts["ends"], counts["ends"], {"threading.excepthook": counts["ends"]})
    assert told(groups["nil", "dropped"]) == (counts["drops"], counts["drops"], {"concurrent.futures": counts["drops"]})
    if python.minor >= (3, 12):
        swallowed = groups["nil", "swallows"]["count"]
        assert swallowed <= counts["swallows"] <= swallowed + said["data"]["dropped"]
    assert said["data"]["crashes"] == 0
    assert said["alive"] == 1


@each_interpreter()
def test_only_results_that_nobody_asks_for_are_told_of(python: Interpreter) -> None:
    groups = groups_of(play(python, "results"))
    asked = {(kind, name) for (kind, name), group in groups.items() if "concurrent.futures" not in group["by"]}
    assert set(groups) - asked == {("nil", "held"), ("nil", "remote")}
    assert all(set(groups[each]["by"]) == {"sys.monitoring"} for each in asked)
    assert python.minor >= (3, 12) or not asked
    remote = groups["nil", "remote"]
    assert remote["frames"][0]["line"] == line_of("results", "def remote()") + 1
    assert remote["frames"][0]["span"] is None


@each_interpreter((3, 12), one_per_minor=True)
def test_tools_of_others_stay_theirs(python: Interpreter) -> None:
    said = play(python, "tools_taken")
    assert said["free"] == said["freed"] == [None] * 6
    assert said["during"] == [None, None, None, None, "kdiag", None]
    assert said["sees"]
    assert not said["blind"]
    assert said["taken"] == [None, None, None, "somebody", "somebody", None]
    assert said["crashes"] == 0


@each_interpreter()
def test_in_a_probe_it_comes_and_goes(python: Interpreter) -> None:
    with probed(python) as process:
        with process.enter() as channel:
            assert channel.request("start", sensors=["crashes"])["sensors"] == ["crashes"]
            process.do("remember_modules")
            looks = iter(range(1000))
            until(lambda: "hooks" in channel.request("read", sensors={"crashes": 0})["crashes"], "no answer")
            until(lambda: next(looks) > 3, "")
            assert channel.cost().crashes == 0
        process.assert_clean()
        assert process.do("living_modules")["names"] == []


@each_interpreter()
def test_a_process_may_end_with_the_hooks_in(python: Interpreter) -> None:
    assert "logging" in play(python, "exits")["hooks"]
