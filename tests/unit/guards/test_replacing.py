"""Attributes get a guarded twin, and back."""

from __future__ import annotations

import types
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from kdiag.probe.guards import GuardedMap, GuardedOrderedDict, GuardedSet, guard, guarded

if TYPE_CHECKING:
    from tests.unit.guards.conftest import Conflicts
    from tests.unit.guards.threads import Obedient

REGISTRY: dict[str, int] = {"a": 1}


class Shop:
    entries: ClassVar[dict[str, int]] = {"x": 1}

    def __init__(self) -> None:
        self.seen = {1, 2}


class Slotted:
    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries = OrderedDict(a=1, b=2)


def module() -> Any:
    found = types.ModuleType("shop_registry")
    found.ENTRIES = {"a": 1, "b": 2}  # type: ignore[attr-defined]
    return found


def test_an_attribute_of_a_module() -> None:
    owner = module()
    original = owner.ENTRIES
    replaced = guard(owner, "ENTRIES")
    assert type(owner.ENTRIES) is GuardedMap
    assert owner.ENTRIES is replaced.twin
    assert owner.ENTRIES._guard.name == "shop_registry.ENTRIES"
    owner.ENTRIES["c"] = 3
    del owner.ENTRIES["a"]
    replaced.restore()
    assert owner.ENTRIES is original
    assert original == {"b": 2, "c": 3}
    replaced.restore()


def test_an_attribute_of_an_instance_and_of_its_class() -> None:
    shop = Shop()
    with guarded(shop, "seen") as seen, guarded(Shop, "entries"):
        assert type(seen) is GuardedSet
        assert type(shop.entries) is GuardedMap
        assert vars(Shop)["entries"]._guard.name == "Shop.entries"
        seen.discard(1)
    assert (type(shop.seen), shop.seen) == (set, {2})
    assert type(Shop.entries) is dict


def test_what_only_the_class_has_is_given_back_to_the_class() -> None:
    shop = Shop()
    with guarded(shop, "entries"):
        shop.entries["y"] = 2
        assert type(Shop.entries) is dict
    assert "entries" not in vars(shop)
    assert Shop.entries.pop("y") == 2


def test_a_slot_keeps_its_order() -> None:
    owner = Slotted()
    with guarded(owner, "entries") as entries:
        assert type(entries) is GuardedOrderedDict
        entries.move_to_end("a")
        entries["c"] = 3
    assert list(owner.entries) == ["b", "a", "c"]
    assert type(owner.entries) is OrderedDict


def test_an_object_alone_is_found_in_all_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    other = module()
    other.ENTRIES = REGISTRY
    monkeypatch.setitem(__import__("sys").modules, "shop_registry", other)
    original = REGISTRY
    with guarded(REGISTRY, mode="raise") as registry:
        assert globals()["REGISTRY"] is other.ENTRIES is registry
        assert registry._guard.name == f"{__name__}.REGISTRY"
        assert registry._guard.mode == "raise"
    assert REGISTRY is other.ENTRIES is original


def test_an_object_that_no_module_has() -> None:
    with pytest.raises(ValueError, match="no module has this object"):
        guarded({"a": 1})


def test_what_somebody_set_meanwhile_stays() -> None:
    owner = module()
    with guarded(owner, "ENTRIES"):
        owner.ENTRIES = {"mine": 1}
    assert owner.ENTRIES == {"mine": 1}


@pytest.mark.parametrize("value", [defaultdict(int), frozenset(), [1], None, GuardedMap()])
def test_what_has_no_twin(value: Any) -> None:
    owner = module()
    owner.ENTRIES = value
    with pytest.raises(TypeError, match=r"shop_registry.ENTRIES is a .*: only dict, set and OrderedDict have"):
        guard(owner, "ENTRIES")
    assert owner.ENTRIES is value


def test_a_wrong_mode_changes_nothing() -> None:
    owner = module()
    with pytest.raises(ValueError, match="mode is one of"):
        guard(owner, "ENTRIES", mode="panic")
    assert type(owner.ENTRIES) is dict


def test_the_name_is_in_the_report(one: Obedient, two: Obedient, conflicts: Conflicts) -> None:
    owner = module()
    with guarded(owner, "ENTRIES", name="the shop's entries"):
        for thread in (one, two, one):
            thread.do(lambda: owner.ENTRIES.update({"a": 2}))
    assert [each["name"] for each in conflicts()] == ["the shop's entries"]


def test_an_unnamed_one_is_called_by_its_global_name_or_where_it_was_made(
    one: Obedient, two: Obedient, conflicts: Conflicts
) -> None:
    nameless: GuardedMap[str, int] = GuardedMap()
    for target in (KNOWN, nameless):
        for thread in (one, two, one):
            thread.do(lambda target=target: target.update({"a": 2}))  # type: ignore[misc]
    line = nameless._guard.name.partition(":")[2]
    assert [each["name"] for each in conflicts()] == [f"{__name__}.KNOWN", f"test_replacing.py:{line}"]
    assert line.isdigit()


KNOWN: GuardedMap[str, int] = GuardedMap()
