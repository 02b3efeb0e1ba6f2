"""Guarded types are what they are of: under any sequence of operations, and in all that Python does with a dict."""

from __future__ import annotations

import copy
import json
import pickle
from collections import OrderedDict
from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.probe.guards import GuardedMap, GuardedOrderedDict, GuardedSet
from kdiag.probe.guards.updates import watching_reads

KEYS = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b", (1, "c"), None, 2.0, True, frozenset({1})]))
VALUES = st.integers()
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=5)
NO_HASH: list[int] = []


class Own(GuardedMap[Any, Any]):
    """As a service may make one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.label = "own"

    def __missing__(self, key: object) -> str:
        return "missing"


def watched(content: Any = ()) -> Any:
    target: GuardedMap[Any, Any] = GuardedMap(content)
    watching_reads(target)
    return target


def read_only(target: Any) -> list[Any]:
    """All that can be asked of a map."""
    return [
        list(target), list(target.items()), list(reversed(target)), len(target), bool(target), dict(target), {**target},
        target.copy(), sorted(map(repr, target)), list(target.values()), [*target.keys()], copy.copy(target),
        copy.deepcopy(target), target == dict(target), target != {}, list(reversed(target.items())),
    ]  # fmt: skip


def outcome(target: Any, operation: tuple[str, tuple[Any, ...]]) -> Any:
    """What an operation gives or raises, and what it leaves behind."""
    name, arguments = operation
    result: Any
    try:
        if name == "read":
            result = read_only(target)
        elif name == "or":
            result = [target | arguments[0], arguments[0] | target]
        else:
            result = getattr(target, name)(*arguments)
    except Exception as error:
        result = type(error), error.args if isinstance(error, KeyError) else ()  # words name the type
    return [result if result is not target else "itself", list(target.items())]


MAP_OPERATIONS = st.one_of(
    st.tuples(st.just("__setitem__"), st.tuples(KEYS, VALUES)),
    st.tuples(st.sampled_from(["__getitem__", "__delitem__", "__contains__"]), st.tuples(KEYS)),
    st.tuples(st.sampled_from(["get", "setdefault", "pop"]), st.tuples(KEYS)),
    st.tuples(st.sampled_from(["get", "setdefault", "pop"]), st.tuples(KEYS, VALUES)),
    st.tuples(st.sampled_from(["popitem", "clear", "read", "__len__"]), st.just(())),
    st.tuples(st.sampled_from(["update", "__ior__", "or", "__eq__"]), st.tuples(MAPPINGS)),
    st.tuples(st.sampled_from(["__setitem__", "setdefault"]), st.just((NO_HASH, 1))),
    st.tuples(st.sampled_from(["__getitem__", "pop", "__setitem__", "update", "no_such_method"]), st.just((1, 2, 3))),
)  # fmt: skip
ORDER_OPERATIONS = st.tuples(st.just("move_to_end"), st.one_of(st.tuples(KEYS), st.tuples(KEYS, st.booleans())))
ELEMENTS = st.sets(KEYS, max_size=5)
SET_OPERATIONS = st.one_of(
    st.tuples(st.sampled_from(["add", "remove", "discard", "__contains__"]), st.tuples(KEYS)),
    st.tuples(st.sampled_from(["clear", "copy", "__len__"]), st.just(())),
    st.tuples(
        st.sampled_from(["update", "difference_update", "intersection_update", "symmetric_difference_update", "__ior__",
                         "__iand__", "__isub__", "__ixor__", "__or__", "__and__", "__sub__", "__xor__", "__le__",
                         "isdisjoint", "__eq__"]),
        st.tuples(ELEMENTS),
    ),
    st.tuples(st.sampled_from(["add", "discard"]), st.just((NO_HASH,))),
)  # fmt: skip


@given(MAPPINGS, st.lists(MAP_OPERATIONS, max_size=30))
@pytest.mark.parametrize("kind", [GuardedMap, watched])
def test_a_guarded_map_is_a_dict(kind: Any, content: dict[Any, int], operations: list[Any]) -> None:
    plain, guarded = dict(content), kind(content)
    for operation in operations:
        assert outcome(guarded, operation) == outcome(plain, operation)
    assert repr(guarded) == repr(plain)
    assert guarded == plain


@given(MAPPINGS, st.lists(st.one_of(MAP_OPERATIONS, ORDER_OPERATIONS), max_size=30))
def test_a_guarded_ordered_dict_is_an_ordered_dict(content: dict[Any, int], operations: list[Any]) -> None:
    plain, guarded = OrderedDict(content), GuardedOrderedDict(content)
    for operation in operations:
        assert outcome(guarded, operation) == outcome(plain, operation)
    assert guarded == plain


@given(ELEMENTS, st.lists(SET_OPERATIONS, max_size=30))
def test_a_guarded_set_is_a_set(content: set[Any], operations: list[tuple[str, tuple[Any, ...]]]) -> None:
    plain, guarded = set(content), GuardedSet(content)
    for name, arguments in operations:
        results = []
        for target in (plain, guarded):
            try:
                results.append(getattr(target, name)(*arguments))
            except Exception as error:
                results.append((type(error), error.args))
        assert results[0] == results[1]
        assert plain == guarded
        assert sorted(map(repr, plain)) == sorted(map(repr, guarded))


def test_what_python_takes_for_a_dict() -> None:
    guarded = GuardedMap(a=1, b=[2])
    assert isinstance(guarded, dict)
    assert json.loads(json.dumps(guarded, indent=1)) == {"a": 1, "b": [2]}
    named: dict[str, Any] = dict(**guarded)
    assert named == {"a": 1, "b": [2]}
    match guarded:
        case {"a": int(number), **rest}:
            assert (number, rest) == (1, {"b": [2]})
        case _:
            pytest.fail("no match")
    assert type(GuardedMap.fromkeys("xy", 0)) is GuardedMap
    assert type(guarded.copy()) is dict
    assert type(copy.copy(guarded)) is GuardedMap
    assert copy.deepcopy(guarded)["b"] is not guarded["b"]
    assert "{a} {b[0]}".format_map(guarded) == "1 2"
    assert GuardedMap(cls=1, self=2, base=3) == {"cls": 1, "self": 2, "base": 3}
    with pytest.raises(TypeError):
        hash(guarded)
    with pytest.raises(AttributeError):
        guarded.label = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [GuardedMap, GuardedOrderedDict])
def test_views_are_views(kind: Any) -> None:
    plain, guarded = kind.__mro__[1](a=1, b=2), kind(a=1, b=2)
    for name, abstract in (("keys", KeysView), ("items", ItemsView), ("values", ValuesView)):
        assert isinstance(getattr(guarded, name)(), abstract)
        view, same = getattr(guarded, name)(), getattr(plain, name)()
        assert (repr(view), len(view), list(view), list(reversed(view))) == (
            repr(same), len(same), list(same), list(reversed(same)),
        )  # fmt: skip
        assert view.mapping == plain
        assert all(item in view for item in same)
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(view)
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.copy(view)
    keys, same = guarded.keys(), plain.keys()
    guarded["c"] = plain["c"] = 3
    assert keys == same == {"a", "b", "c"} == keys
    assert keys & ["a"] == {"a"} & keys == keys - {"b", "c"} == {"a"}
    assert keys | {"z"} == {"z"} | keys == keys ^ {"z"} == {"z", "a", "b", "c"}
    assert {"a", "q"} - keys == {"q"}
    assert keys > {"a"}
    assert {"a"} < keys <= same
    assert keys >= guarded.keys()
    assert keys != {"a"}
    assert keys.isdisjoint({"z"})
    assert guarded.items() & {("a", 1)} == {("a", 1)}
    with pytest.raises(TypeError):
        hash(keys)
    assert guarded.values() != guarded.values()
    assert isinstance(hash(guarded.values()), int)


@pytest.mark.parametrize("kind", [GuardedMap, GuardedSet, GuardedOrderedDict])
def test_copies_and_pickles_have_a_guard_of_their_own(kind: Any) -> None:
    guarded = kind([(1, 2), (3, 4)])
    anew = [copy.copy(guarded), copy.deepcopy(guarded)]
    anew += [pickle.loads(pickle.dumps(guarded, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for each in anew:
        assert (type(each), each) == (kind, guarded)
        assert each._guard.number != guarded._guard.number


def test_a_class_of_the_services_own() -> None:
    own = Own(a=1)
    assert (own["z"], own["a"], own.label) == ("missing", 1, "own")
    for each in (pickle.loads(pickle.dumps(own)), copy.deepcopy(own)):
        assert (type(each), each, each.label) == (Own, {"a": 1}, "own")
    watching_reads(own)
    again = pickle.loads(pickle.dumps(own))
    assert (own["z"], type(again), again.label) == ("missing", Own, "own")
