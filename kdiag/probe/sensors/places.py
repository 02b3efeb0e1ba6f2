"""How sensors name a place in the code and the threads of the target: without running any of its code.

Separate because all sensors need it, and so that what leaves the target is decided in one place.
"""

from __future__ import annotations

import threading
from itertools import chain
from types import CodeType, FrameType, GetSetDescriptorType
from typing import TYPE_CHECKING, Any

from . import OWN_THREADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeGuard

# File, line, qualified name of the function (the bare name before 3.11).
Place = tuple[str, int, str]

_NO_DICT: dict[str, Any] = {}
# Asked of a class itself: its metaclass may be the target's.
mro = type.__dict__["__mro__"].__get__
namespace = type.__dict__["__dict__"].__get__


def place(code: CodeType, line: int) -> Place:
    """The place of a line in a piece of code."""
    return code.co_filename, line, getattr(code, "co_qualname", code.co_name)


def places_of(frames: Iterable[FrameType]) -> list[Place]:
    """The places of frames, in their order."""
    return [place(frame.f_code, frame.f_lineno or 0) for frame in frames]


def places_once(frames: Sequence[FrameType], alike: dict[tuple[int, ...], tuple[Place, ...]]) -> tuple[Place, ...]:
    """The same, made once for all that stand alike: there may be thousands of threads and tasks."""
    shape = tuple(chain.from_iterable((id(frame.f_code), frame.f_lasti) for frame in frames))
    return alike.get(shape) or alike.setdefault(shape, tuple(places_of(frames)))


def namespaces(kind: type) -> Iterator[Mapping[str, Any]]:
    """The namespaces of a class and its bases, in the order in which attributes are looked up."""
    return map(namespace, mro(kind))


def instance_dict(instance: object) -> dict[str, Any]:
    """An object's own attributes, by the interpreter's descriptor and no code of its class; empty without any."""
    for names in namespaces(type(instance)):
        descriptor = names.get("__dict__")
        if descriptor is not None:
            if type(descriptor) is not GetSetDescriptorType:
                return _NO_DICT
            found = descriptor.__get__(instance)
            return found if type(found) is dict else _NO_DICT
    return _NO_DICT


def is_class(value: object) -> TypeGuard[type[Any]]:
    """Whether it is a class. `isinstance` would believe its `__class__`, which may be a property of a proxy's."""
    return issubclass(type(value), type)


def text(value: object) -> str:
    """A text of the target's, "" when it is of another type: names are data that programs may set to anything."""
    return value[:200] if type(value) is str else ""


def threads() -> dict[int, dict[str, Any]]:
    """The attributes of each `threading.Thread` that is alive, by ident; without our own threads."""
    return threads_and_ours()[0]


def threads_and_ours() -> tuple[dict[int, dict[str, Any]], set[int]]:
    """The same, and the idents of our own threads."""
    found, ours = dict(_all_threads()), set()
    for ident, known in found.items():
        if known.get("_name") in OWN_THREADS:
            ours.add(ident)
    for ident in ours:
        del found[ident]
    return found, ours


def own_idents() -> set[int]:
    """The idents of our own threads."""
    return threads_and_ours()[1]


def _all_threads() -> Iterator[tuple[int, dict[str, Any]]]:
    active: dict[int, threading.Thread] = threading._active.copy()  # type: ignore[attr-defined]
    return ((ident, instance_dict(thread)) for ident, thread in active.items())


def thread_names() -> dict[int, str]:
    """The name of each thread that is alive, by ident; without our own threads."""
    return {ident: text(known.get("_name")) for ident, known in threads().items()}
