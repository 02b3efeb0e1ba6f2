"""A write by another thread while one iterates: flagged before the iteration breaks, and never once it is over."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.probe.guards import ConcurrentMapError, GuardedMap, GuardedOrderedDict, GuardedSet
from kdiag.probe.guards.state import MOST_ITERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.guards.conftest import Conflicts
    from tests.unit.guards.threads import Obedient

WAYS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "map": iter,
    "reversed": reversed,
    "keys": lambda target: iter(target.keys()),
    "values": lambda target: iter(target.values()),
    "items": lambda target: iter(target.items()),
    "reversed items": lambda target: reversed(target.items()),
}


def begin(iterator: Iterator[Any]) -> Iterator[Any]:
    """An iterator after its first step."""
    next(iterator)
    return iterator


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [GuardedMap, GuardedOrderedDict])
def test_a_map_that_changes_while_another_thread_iterates(
    kind: type[Any], way: str, one: Obedient, conflicts: Conflicts
) -> None:
    target = kind(a=1, b=2, c=3)
    steps = one.do(lambda: begin(WAYS[way](target)))
    target["new"] = 4
    (found,) = conflicts()
    assert (found["kind"], found["key"], found["count"]) == ("changed-while-iterated", "'new'", 1)
    assert (found["iterates"]["thread"], found["writes"]["thread"]) == ("one", "MainThread")
    assert found["writes"]["frames"][0][2].endswith(test_a_map_that_changes_while_another_thread_iterates.__name__)
    with pytest.raises(RuntimeError):  # which is what the report comes before
        next(steps)


def test_a_set_that_changes_while_another_thread_iterates(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedSet(range(3))
    steps = one.do(lambda: begin(iter(target)))
    target.add(1)  # it is there already
    assert conflicts() == []
    target.add(9)
    assert [each["kind"] for each in conflicts()] == ["changed-while-iterated"]
    assert steps is not None


def test_a_value_that_changes_leaves_the_iteration_whole(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)
    steps = one.do(lambda: begin(iter(target.items())))
    target["a"] = 5
    assert [each["kind"] for each in conflicts()] == ["written-while-iterated"]
    assert next(steps) == ("b", 2)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda target: target.__delitem__("a"), "changed"),
        (lambda target: target.pop("a"), "changed"),
        (lambda target: target.popitem(), "changed"),
        (lambda target: target.clear(), "changed"),
        (lambda target: target.update(z=1), "written"),
        (lambda target: target.update({"z": 1}), "changed"),
        (lambda target: target.update({"a": 1}), "written"),
        (lambda target: target.__ior__({"z": 1}), "changed"),
        (lambda target: target.setdefault("z", 1), "changed"),
        (lambda target: target.setdefault("a", 1), None),
        (lambda target: target.pop("z", None), None),
        (lambda target: target.get("a"), None),
    ],
)  # fmt: skip
def test_every_way_to_write(
    write: Callable[[Any], object], kind: str | None, one: Obedient, conflicts: Conflicts
) -> None:
    target = GuardedMap(a=1, b=2)
    steps = one.do(lambda: begin(iter(target)))
    write(target)
    assert [each["kind"] for each in conflicts()] == ([f"{kind}-while-iterated"] if kind else [])
    assert steps is not None


def test_an_order_that_changes(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedOrderedDict(OrderedDict(a=1, b=2))
    steps = one.do(lambda: begin(iter(target)))
    target.move_to_end("a")
    assert [each["kind"] for each in conflicts()] == ["changed-while-iterated"]
    assert steps is not None


@pytest.mark.parametrize(
    "over",
    [list, sorted, tuple, set, len, dict, lambda target: [key for key in target if key], lambda target: {**target},
     lambda target: next(iter(target)), lambda target: any(key == "a" for key in target), str],
)  # fmt: skip
def test_an_iteration_that_is_over_or_was_dropped_is_not_flagged(
    over: Callable[[Any], object], one: Obedient, conflicts: Conflicts
) -> None:
    target = GuardedMap(a=1, b=2)
    one.do(lambda: over(target))
    target["new"] = 3
    assert conflicts() == []
    assert not target._guard.iterations


def test_a_loop_that_was_left_is_not_flagged(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)

    def leave(how: str) -> None:
        for _ in target.items():
            if how == "break":
                break
            if how == "return":
                return
            raise KeyError

    for how in ("break", "return"):
        one.do(lambda how=how: leave(how))  # type: ignore[misc]
    with contextlib.suppress(KeyError):
        one.do(lambda: leave("raise"))
    target["new"] = 3
    assert conflicts() == []


def test_a_thread_may_write_to_what_it_iterates_over(conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)
    for key in target:
        target[key] = 0
    assert conflicts() == []


def test_an_iterator_of_a_thread_that_has_ended_is_not_flagged(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)
    steps = one.do(lambda: begin(iter(target)))
    one.__exit__(None, None, None)
    target["new"] = 3
    assert conflicts() == []
    assert steps is not None


def test_the_place_of_a_loop_is_its_beginning(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)

    def loop() -> Iterator[None]:
        for _ in target.items():
            yield
            yield

    steps = one.do(lambda: begin(loop()))
    target["new"] = 3
    target["newer"] = 3
    first, *_ = conflicts()
    _, line, function = first["iterates"]["frames"][0]
    assert (line, function.rpartition(".")[2]) == (loop.__code__.co_firstlineno + 1, "loop")
    assert steps is not None


def test_alike_conflicts_are_counted_together(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)
    steps = one.do(lambda: begin(iter(target)))
    for number in range(50):
        target[str(number)] = 1
    (found,) = conflicts()
    assert found["count"] == 50
    assert found["first_at"] < found["last_at"]
    assert steps is not None


def test_mode_raise_does_not_do_the_write(one: Obedient, conflicts: Conflicts) -> None:
    target = GuardedMap(a=1, b=2)
    target._guard.configure("shop.CACHE", "raise")
    steps = one.do(lambda: begin(iter(target)))
    with pytest.raises(ConcurrentMapError, match=r"^shop\.CACHE \(dict\) key 'new': thread 'MainThread' at .* 'one'"):
        target["new"] = 3
    assert "new" not in target
    assert next(steps) == "b"
    assert len(conflicts()) == 1


@pytest.mark.parametrize("kind", [GuardedMap, GuardedOrderedDict, lambda **items: GuardedSet(items)])
def test_mode_heal_iterates_over_a_snapshot_and_reports(
    kind: Callable[..., Any], one: Obedient, conflicts: Conflicts
) -> None:
    target = kind(a=1, b=2)
    target._guard.configure("shop.CACHE", "heal")
    steps = one.do(lambda: begin(iter(target)))
    target.clear()
    assert len(list(steps)) == 1
    assert [each["kind"] for each in conflicts()] == ["changed-while-iterated"]


def test_a_mode_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="mode is one of report, raise, heal"):
        GuardedMap()._guard.configure("", "panic")


def test_iterations_are_bounded(one: Obedient) -> None:
    target = GuardedMap(a=1, b=2)
    steps = [one.do(lambda: begin(iter(target))) for _ in range(2 * MOST_ITERATIONS)]
    assert len(target._guard.iterations) == MOST_ITERATIONS
    steps.clear()
    target["a"] = 2
    assert not target._guard.iterations
