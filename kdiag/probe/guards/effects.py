"""What a write does to an object that somebody iterates over: known before it happens.

Separate because the types share it. The keys of the service are compared here, by its own code: whoever calls holds
nothing that another thread could wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .evidence import NO_KEY
from .ledger import CHANGED, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # (the object, the arguments of the write) → CHANGED, WRITTEN, or None where nothing is written.
    Effect = Callable[[Any, tuple[Any, ...]], "str | None"]

_MOST_KEYS = 1024  # of those that an update brings


def assign(target: Any, arguments: tuple[Any, ...]) -> str | None:
    """`target[key] = value`: the size stays where the key is there already."""
    return WRITTEN if arguments[0] in target else CHANGED


def insert(target: Any, arguments: tuple[Any, ...]) -> str | None:
    """`setdefault(key)`, `add(element)`: nothing where it is there already."""
    return None if arguments[0] in target else CHANGED


def remove(target: Any, arguments: tuple[Any, ...]) -> str | None:
    """`pop(key)`, `del target[key]`, `discard(element)`: nothing where it is not there."""
    return CHANGED if arguments[0] in target else None


def empty(target: Any, _arguments: tuple[Any, ...]) -> str | None:
    """`clear()`, `popitem()`: nothing where it is empty already."""
    return CHANGED if len(target) else None


def move(target: Any, arguments: tuple[Any, ...]) -> str | None:
    """`move_to_end(key)`: an OrderedDict that is iterated over notices that, too."""
    return CHANGED if arguments[0] in target else None


def merge(target: Any, arguments: tuple[Any, ...]) -> str | None:
    """`update(other)` and the operators that work in place: `WRITTEN` is all that is known of most others."""
    if not arguments or not isinstance(arguments[0], (dict, set, frozenset)):
        return WRITTEN
    other = arguments[0]
    if not other:
        return None
    return CHANGED if len(other) > _MOST_KEYS or any(key not in target for key in list(other)) else WRITTEN


KEYED = frozenset({assign, insert, remove, move})  # their first argument is the key


def key_of(effect: Effect, arguments: tuple[Any, ...]) -> Any:
    """The one key that is written; `NO_KEY` where there is none."""
    return arguments[0] if effect in KEYED and arguments else NO_KEY
