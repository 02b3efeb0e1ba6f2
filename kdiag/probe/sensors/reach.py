"""What an object leads to, and what that step is called, as far as no code of the service's has to run for it.

Containers are asked by the methods of `dict`, `list`, `set` and `deque` themselves, whatever a subclass makes of them;
instances of classes written in Python by the collector's own view of them (`gc.get_referents`), which needs no
attributes; coroutines and generators that stand still by their variables. Of objects of other types, which may refer to
a million others, only the attributes are looked at. Of a large container some elements stand for all.

It is separate from `keepers`, which walks: here is what a single step may touch.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from functools import _lru_cache_wrapper, partial
from itertools import islice
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import TYPE_CHECKING, Any
from weakref import ref

from .calls import MISSING, qualname, read_locals, values_of
from .coroutines import frame_of
from .places import instance_dict, mro, namespace, namespaces, text

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTHING, DICT, SEQUENCE, SET, DEQUE, MODULE, CLASS, FUNCTION, INSTANCE, CACHE, QUEUE, STANDS, ATTRIBUTES = range(13)
CONTAINERS = frozenset({DICT, SEQUENCE, SET, DEQUE, CACHE, QUEUE})
ALL = 32  # elements of a container that are looked at one by one
_NEWEST, _OLDEST = 3, 2  # else so many of each end
_SPARSE, _PER_ELEMENT = 1 << 20, 1 << 10  # bytes: a container that has been emptied takes long to find elements in
_HEAP_TYPE = 1 << 9
_POINTER = 8
_LAYOUTS = ((dict, DICT), (list, SEQUENCE), (tuple, SEQUENCE), (set, SET), (frozenset, SET), (deque, DEQUE))
_EXACT = {
    ModuleType: MODULE, FunctionType: FUNCTION, _lru_cache_wrapper: CACHE, partial: INSTANCE, MethodType: INSTANCE,
    staticmethod: INSTANCE, classmethod: INSTANCE, property: INSTANCE, MappingProxyType: INSTANCE,
    SimpleNamespace: ATTRIBUTES, CoroutineType: STANDS, GeneratorType: STANDS, AsyncGeneratorType: STANDS,
}  # fmt: skip
_SIZED = (bytes, str, bytearray, int, float, complex, list, tuple, dict, set, frozenset)
_LARGEST_CACHE = 20_000  # entries that the interpreter may walk over for us
_LONGEST_NAMES = 256  # variables of one coroutine

_flags = type.__dict__["__flags__"].__get__
_basicsize = type.__dict__["__basicsize__"].__get__
_dictoffset = type.__dict__["__dictoffset__"].__get__
_weakrefoffset = type.__dict__["__weakrefoffset__"].__get__
_module_dict: Any = vars(ModuleType)["__dict__"].__get__
_simple_dict: Any = vars(SimpleNamespace)["__dict__"].__get__


def kind_of(kind: type) -> int:
    """How objects of a type are to be looked at."""
    known = _EXACT.get(kind) if type(kind) is type else None
    if known is not None:
        return known
    if issubclass(kind, type):
        return CLASS
    if issubclass(kind, ModuleType):
        return MODULE
    for base, how in _LAYOUTS:
        if issubclass(kind, base):
            return how
    if kind is getattr(sys.modules.get("_queue"), "SimpleQueue", None):
        return QUEUE
    if _is_plain(kind):
        return INSTANCE
    return ATTRIBUTES if _flags(kind) & _HEAP_TYPE and _dictoffset(kind) else NOTHING


def size(how: int, value: Any) -> int:
    """How many elements a container has."""
    if how == DICT:
        return dict.__len__(value)
    if how == SEQUENCE:
        return list.__len__(value) if issubclass(type(value), list) else tuple.__len__(value)
    if how == SET:
        return set.__len__(value) if issubclass(type(value), set) else frozenset.__len__(value)
    if how == DEQUE:
        return deque.__len__(value)
    return int(value.qsize() if how == QUEUE else value.cache_info()[3])


def elements(how: int, value: Any, newest: int = _NEWEST, oldest: int = _OLDEST) -> list[Any]:
    """Of a container, the newest and the oldest elements; all of a small one. Of a dict its values."""
    count = size(how, value)
    if count <= ALL:
        newest, oldest = ALL, 0
    try:
        if how == DICT:
            if _is_sparse(dict.__sizeof__(value), count):
                return []
            values = dict.values(value)
            return [*islice(reversed(values), newest), *islice(values, oldest)]
        if how == SEQUENCE:
            item = list.__getitem__ if issubclass(type(value), list) else tuple.__getitem__
            return [*item(value, slice(-newest, None)), *item(value, slice(oldest))]
        if how == SET:
            real: Any = set if issubclass(type(value), set) else frozenset
            sparse = _is_sparse(real.__sizeof__(value), count)
            return [] if sparse else [*islice(real.__iter__(value), newest + oldest)]
        if how == DEQUE:
            return [*islice(deque.__reversed__(value), newest), *islice(deque.__iter__(value), oldest)]
    except RuntimeError:  # it was changed by a finalizer that ran meanwhile
        return []
    if how == QUEUE:
        return _queued(value, count, newest, oldest)
    return _cached(value) if count <= _LARGEST_CACHE else []


def _queued(value: Any, count: int, newest: int, oldest: int) -> list[Any]:
    """What stands in a `SimpleQueue`: up to 3.12 it refers to one list, whose first places may be free already."""
    if sys.version_info >= (3, 13) and count > _LARGEST_CACHE:
        return []
    found = gc.get_referents(value)
    if sys.version_info < (3, 13):
        found = next((each for each in found if type(each) is list), [])
    return [*found[-newest:], *(found[-count : oldest - count] if oldest else ())]


def reached(how: int, value: Any) -> Iterable[Any]:
    """What an object leads to; nothing where a finalizer that ran meanwhile has changed it."""
    try:
        return _reached(how, value)
    except RuntimeError:
        return ()


def _reached(how: int, value: Any) -> Iterable[Any]:
    if how in CONTAINERS:
        return elements(how, value)
    if how == STANDS:
        frame = frame_of(value)
        return values_of(frame) if frame is not None else ()
    if how == ATTRIBUTES:
        return [_attributes(value)]
    if how == MODULE:
        return list(_module_dict(value).values())
    if how == CLASS:
        return list(namespace(value).values())
    if how == FUNCTION:
        # Its attributes and keyword arguments; its globals and the built-in names are longer.
        names = [each for each in gc.get_referents(value) if type(each) is dict and len(each) <= ALL]
        attributes = [each for known in names for each in known.values()]
        return [*_cells(value), *(value.__defaults__ or ()), *attributes]
    return gc.get_referents(value)


def step(how: int, value: Any, to: Any, *, is_namespace: bool = False) -> tuple[str, bool]:
    """What leads from an object to another, and whether that one is the dict of this one's attributes.

    ".NAME" for an attribute, "[…]" for an element, " (closure NAME)", " (default argument)", " (local NAME)".
    """
    if how in CONTAINERS:
        return (_attribute(value, to) if is_namespace else "[…]"), False
    if how == FUNCTION:
        return _function_step(value, to), False
    if how == MODULE:
        return _attribute(_module_dict(value), to), False
    if how == CLASS:
        return _attribute(namespace(value), to), False
    if how == STANDS:
        return _variable(value, to), False
    if how != ATTRIBUTES and any(type(value) is each for each in _EXACT):
        return "", False  # a wrapper or a bound method: what is in it has its name
    attributes = _attributes(value)
    if to is attributes:
        return "", True
    return _attribute(attributes, to) or _slot(value, to), False


def module_names(module: Any) -> dict[str, Any]:
    """The names in a module."""
    names: dict[str, Any] = _module_dict(module)
    return names


def type_name(kind: type) -> str:
    """A type by its module and qualified name; a built-in one by its name."""
    module = text(namespace(kind).get("__module__"))
    name = text(qualname(kind))
    return f"{module}.{name}" if module and module not in {"builtins", "__main__"} else name


def is_weak(value: Any) -> bool:
    """Whether it is a weak reference: who holds those keeps nothing alive."""
    return issubclass(type(value), ref)


def bytes_of(value: Any) -> int:
    """About how many bytes an object takes, with the built-in objects that it directly refers to."""
    own = _own_bytes(value)
    if kind_of(type(value)) != INSTANCE:
        return own
    inner = [each for each in gc.get_referents(value)[:ALL] if each is not type(value)]
    for each in list(inner):
        if type(each) is dict and len(each) <= ALL:
            inner += each.values()
    return own + sum(map(_own_bytes, inner))


def _own_bytes(value: Any) -> int:
    known = next((each for each in _SIZED if type(value) is each), object)
    sizeof: Any = known.__sizeof__
    return int(sizeof(value))


def _is_plain(kind: type) -> bool:
    """Whether its objects have nothing but what a class statement gives them: attributes, slots, weak references.

    Then they refer to as much as they have attributes. Classes of extensions may have anything.
    """
    if not _flags(kind) & _HEAP_TYPE:
        return False
    slots = 0
    for base in mro(kind):
        if not _flags(base) & _HEAP_TYPE and base is not object:
            return False
        slots += sum(type(each) is MemberDescriptorType for each in list(namespace(base).values()))
    links = (_dictoffset(kind) > 0) + (_weakrefoffset(kind) > 0)
    return bool(_basicsize(kind) <= _basicsize(object) + _POINTER * (slots + links))


def _is_sparse(taken: int, count: int) -> bool:
    return taken > _SPARSE and taken > _PER_ELEMENT * count


def _attributes(value: Any) -> dict[str, Any]:
    if type(value) is SimpleNamespace:
        names: dict[str, Any] = _simple_dict(value)
        return names
    return instance_dict(value)


def _variable(coroutine: Any, to: Any) -> str:
    frame = frame_of(coroutine)
    if frame is None:
        return ""
    code = frame.f_code
    names = (code.co_varnames + code.co_cellvars + code.co_freevars)[:_LONGEST_NAMES]
    held = zip(names, read_locals(frame, names))
    return next((f" (local {text(name)})" for name, value in held if value is to and value is not MISSING), "")


def _cached(value: Any) -> list[Any]:
    found = next((each for each in gc.get_referents(value) if type(each) is dict and each is not value.__dict__), {})
    return elements(DICT, found)


def _cells(function: FunctionType) -> list[Any]:
    return [each for cell in function.__closure__ or () for each in gc.get_referents(cell)]


def _function_step(function: FunctionType, to: Any) -> str:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        if any(each is to for each in gc.get_referents(cell)):
            return f" (closure {name})"
    if any(each is to for each in function.__defaults__ or ()):
        return " (default argument)"
    found = _attribute(function.__dict__, to)
    return "" if found == ".__wrapped__" else found


def _attribute(names: Any, to: Any) -> str:
    for name, value in list(names.items()):
        if value is to:
            return f".{text(name)}"
    return ""


def _slot(value: Any, to: Any) -> str:
    for names in namespaces(type(value)):
        for name, found in list(names.items()):
            if type(found) is MemberDescriptorType:
                try:
                    if found.__get__(value) is to:
                        return f".{text(name)}"
                except (AttributeError, TypeError):
                    continue
    return ""
