"""None in every place where an operation can meet it; each function fails, and is called with two arguments.

What the sensor says of each is printed, and whether it ran any code of the objects that it looked at.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

log = logging.getLogger("operands")
log.addHandler(logging.NullHandler())
NODE: Any = None
NOTHING: Any = {}
touched: list[str] = []


class Store:
    """Has a None; whoever asks it anything leaves a trace."""

    node: Any = None

    def __init__(self) -> None:
        self.node = None
        self.inner = self

    def __repr__(self) -> str:
        touched.append("repr")
        return ""

    def __eq__(self, other: object) -> bool:
        touched.append("eq")
        return False

    def __getattr__(self, name: str) -> Any:
        touched.append(name)
        raise AttributeError(name)

    __hash__ = None  # type: ignore[assignment]

    @property
    def dear(self) -> Any:
        touched.append("property")
        return None

    def attribute_of_self(self, *_: Any) -> Any:
        return self.node.name

    def free(self, *_: Any) -> Any:
        return [self.node.name for _ in range(3)]


def attribute(store: Any, none: Any) -> Any:
    return none.name


def attribute_of_global(store: Any, none: Any) -> Any:
    return NODE.name


def attribute_deep(store: Any, none: Any) -> Any:
    return store.inner.inner.node.name


def attribute_of_property(store: Any, none: Any) -> Any:
    return store.dear.name


def attribute_of_local(store: Any, none: Any) -> Any:
    found = NOTHING.get(store.inner is none)  # STORED
    return found.name


def method(store: Any, none: Any) -> Any:
    return store.node.method(1, key=none)


def attribute_set(store: Any, none: Any) -> Any:
    store.node.name = len("1") + 2


def attribute_deleted(store: Any, none: Any) -> Any:
    del none.name


def attribute_asked(store: Any, none: Any) -> Any:
    return getattr(none, "name")  # noqa: B009


def attribute_of_call(store: Any, none: Any) -> Any:
    return NOTHING.get(1).name


def attribute_of_item(store: Any, none: Any) -> Any:
    return [none][0].name


def attribute_of_other(store: Any, none: Any) -> Any:
    return (store and none).name


def attribute_augmented(store: Any, none: Any) -> Any:
    none.count += 1


def call(store: Any, none: Any) -> Any:
    return none(1, 2)


def call_of_attribute(store: Any, none: Any) -> Any:
    return store.node(store.inner, key=1)


def call_of_global(store: Any, none: Any) -> Any:
    return NODE()


def subscript(store: Any, none: Any) -> Any:
    return none[0]


def subscript_by_attribute(store: Any, none: Any) -> Any:
    return store.node[store.inner]


def subscript_set(store: Any, none: Any) -> Any:
    store.node["key"] = store


def subscript_deleted(store: Any, none: Any) -> Any:
    del none[store]


def subscript_slice(store: Any, none: Any) -> Any:
    return none[1:2]


def iteration(store: Any, none: Any) -> Any:
    for _ in store.node:
        pass


def iteration_in_comprehension(store: Any, none: Any) -> Any:
    return [each for each in none]  # noqa: C416


def iteration_by_call(store: Any, none: Any) -> Any:
    return sorted(none, reverse=True)


def iteration_unpacked(store: Any, none: Any) -> Any:
    return [1, *none]


def membership(store: Any, none: Any) -> Any:
    return 1 in store.node


def unpack(store: Any, none: Any) -> Any:
    one, two = none
    return one, two


def unpack_star(store: Any, none: Any) -> Any:
    one, *two = none
    return one, two


def unpack_mapping(store: Any, none: Any) -> Any:
    return {**none}


def operation_left(store: Any, none: Any) -> Any:
    return none + 1


def operation_right(store: Any, none: Any) -> Any:
    return 1 + none


def operation_text(store: Any, none: Any) -> Any:
    return "a" + none


def operation_augmented(store: Any, none: Any) -> Any:
    none += 1
    return none


def operation_augmented_attribute(store: Any, none: Any) -> Any:
    store.inner.node += 1


def operation_less(store: Any, none: Any) -> Any:
    return none < 1


def operation_more(store: Any, none: Any) -> Any:
    return store.node < 1


def operation_unary(store: Any, none: Any) -> Any:
    return -none


def operation_length(store: Any, none: Any) -> Any:
    return len(none)


def operation_number(store: Any, none: Any) -> Any:
    return int(store.node)


def with_none(store: Any, none: Any) -> Any:
    with none:
        pass


def with_attribute(store: Any, none: Any) -> Any:
    with store.node as found:
        return found


def awaits(store: Any, none: Any) -> Any:
    async def waits() -> None:
        await none

    asyncio.run(waits())


def async_for(store: Any, none: Any) -> Any:
    async def loops() -> None:
        async for _ in store.node:
            pass

    asyncio.run(loops())


def async_with(store: Any, none: Any) -> Any:
    async def enters() -> None:
        async with none:
            pass

    asyncio.run(enters())


def decorate(function: Any) -> Any:
    @functools.wraps(function)
    def inner(*arguments: Any) -> Any:
        return function(*arguments)

    return inner


@decorate
def decorated(store: Any, none: Any) -> Any:
    return none.name


def generator(store: Any, none: Any) -> Any:
    return list(none.name for _ in range(2))  # noqa: C400


def not_none(store: Any, none: Any) -> Any:
    return (1).name  # type: ignore[attr-defined]


def by_hand(store: Any, none: Any) -> Any:
    raise TypeError("the node must be a Node, not NoneType")


exec(compile("def sourceless(store, none):\n    return store.node.name\n", "<nowhere>", "exec"))  # noqa: S102

crashes = sensor("crashes")
crashes.start()
store = Store()
functions = [
    each for each in list(globals().values()) if getattr(each, "__module__", "") == __name__ and callable(each)
]
for function in [store.attribute_of_self, store.free, *functions]:
    if isinstance(function, type) or function is decorate:
        continue
    try:
        function(store, None)
    except Exception:
        log.exception("failed")
before_asking = list(touched)
crashes.tick()
data = crashes.data(0)
crashes.stop()
say(data=data, touched=before_asking)
