"""Lost updates: found where reads are watched, and only where one was lost."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.probe.guards import ConcurrentMapError, GuardedMap, GuardedOrderedDict, GuardedSet
from kdiag.probe.guards.updates import MOST_KEYS, watching_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.unit.guards.conftest import Conflicts
    from tests.unit.guards.threads import Obedient

LOCK = threading.Lock()


def watched(kind: Callable[..., Any] = GuardedMap, **items: int) -> Any:
    target = kind(items)
    watching_reads(target)
    return target


def add_one(target: Any) -> Generator[None, None, None]:
    """Read, wait to be told, and write."""
    value = target["n"]
    yield
    target["n"] = value + 1


def check_then_act(target: Any) -> Generator[None, None, None]:
    if "n" not in target:
        yield
        target["n"] = 1


def get_then_pop(target: Any) -> Generator[None, None, None]:
    if target.get("n") == 1:
        yield
        target.pop("n")


def add_one_in_two_locks(target: Any) -> Generator[None, None, None]:
    with LOCK:
        value = target["n"]
    yield
    with LOCK:
        target["n"] = value + 1


def locked_write(target: Any) -> None:
    with LOCK:
        target["n"] = 100


def overlap(steps: Generator[None, None, None], between: Callable[[], object], one: Obedient, two: Obedient) -> None:
    """Run the first half, then what comes in between in another thread, then the second half."""
    one.do(lambda: next(steps))
    two.do(between)
    one.do(lambda: next(steps, None))


@pytest.mark.parametrize("kind", [GuardedMap, GuardedOrderedDict])
@pytest.mark.parametrize(
    ("steps", "before", "between"),
    [
        (add_one, {"n": 0}, lambda target: target.update(n=7) or target.update({"n": 7})),
        (add_one, {"n": 0}, lambda target: target.clear()),
        (check_then_act, {}, lambda target: target.setdefault("n", 5)),
        (get_then_pop, {"n": 1}, lambda target: target.__setitem__("n", 2)),
        (add_one_in_two_locks, {"n": 0}, locked_write),
    ],
)
def test_an_update_that_is_lost(
    kind: Any, steps: Any, before: dict[str, int], between: Any, one: Obedient, two: Obedient, conflicts: Conflicts
) -> None:
    target = watched(kind, **before)
    overlap(steps(target), lambda: between(target), one, two)
    (found,) = [each for each in conflicts() if each["kind"] == "lost-update"]
    assert (found["key"], found["count"]) == ("'n'", 1)
    assert [found[side]["thread"] for side in ("writes", "other", "reads")] == ["one", "two", "one"]
    assert found["reads"]["frames"][0][2] == found["writes"]["frames"][0][2] == steps.__name__
    assert found["reads"]["frames"][0][1] < found["writes"]["frames"][0][1]


def no_harm() -> dict[str, Callable[[Any], object]]:
    return {
        "another key": lambda target: target.__setitem__("m", 1),
        "a read": lambda target: target["n"],
        "nothing new": lambda target: target.setdefault("n", 9),
    }


@pytest.mark.parametrize("between", no_harm())
def test_an_update_that_is_not(between: str, one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    target = watched(n=0)
    overlap(add_one(target), lambda: no_harm()[between](target), one, two)
    assert [each for each in conflicts() if each["kind"] == "lost-update"] == []


def test_one_after_another_loses_nothing(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    target = watched(n=0)
    for thread in (one, two, one, two):
        thread.do(lambda: list(add_one(target)))
    assert target["n"] == 4
    assert [each for each in conflicts() if each["kind"] == "lost-update"] == []


def test_a_write_that_read_in_another_call_is_its_own_matter(
    one: Obedient, two: Obedient, conflicts: Conflicts
) -> None:
    target = watched(n=0)
    one.do(lambda: target["n"])
    two.do(lambda: target.update({"n": 5}))
    one.do(lambda: target.update({"n": 6}))
    assert [each for each in conflicts() if each["kind"] == "lost-update"] == []


def test_mode_raise_saves_the_update(one: Obedient, two: Obedient) -> None:
    target = watched(n=0)
    target._guard.configure("shop.COUNTERS", "raise")
    with pytest.raises(ConcurrentMapError, match=r"shop.COUNTERS \(dict\) key 'n': .* overwrote an update of thread"):
        overlap(add_one(target), lambda: target.__setitem__("n", 41), one, two)
    assert target["n"] == 41


def test_every_write_is_looked_at_where_reads_are(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    """Without, only the first of each turn is: there the second one, without the lock, would have passed."""
    target = watched(n=0)

    def twice() -> None:
        with LOCK:
            target["n"] = 1
        target["m"] = 2

    for thread in (one, two, one):
        thread.do(twice)
    assert "unlocked-writes" in {each["kind"] for each in conflicts()}


def test_a_watched_map_is_of_its_class_in_copies_and_pickles() -> None:
    for kind in (GuardedMap, GuardedOrderedDict):
        target = watched(kind, n=1)
        assert isinstance(target, kind)
        assert type(target).__name__ == kind.__name__
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(target, protocol))
            assert (type(again), again) == (kind, target)


def test_sets_have_no_values_to_lose() -> None:
    target = GuardedSet("abc")
    watching_reads(target)
    assert type(target) is GuardedSet


def test_what_is_kept_is_bounded() -> None:
    target = watched()
    for number in range(3 * MOST_KEYS):
        target[number] = target.get(number, 0) + 1
    assert target._guard.updates is not None
    assert len(target._guard.updates._reads) <= MOST_KEYS
    assert len(target._guard.updates._written) <= MOST_KEYS


def test_keys_of_the_services_own_types_are_left_alone(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    class Key:
        asked = 0

        def __hash__(self) -> int:
            Key.asked += 1
            return 1

    key, target = Key(), watched()
    plain: dict[Key, int] = {}
    plain[key] = 1
    before = Key.asked
    target[key] = 1
    assert target[key] == 1
    assert Key.asked - before <= 3  # the write, the look at what it changes, the read
    assert conflicts() == []
