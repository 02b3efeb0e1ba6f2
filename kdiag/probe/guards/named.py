"""What the containers of a service are called: module globals and attributes, and how to get at them again.

Only what is imported already is looked at, and none of the service's code is run for it.

Separate from `found`, which begins with an exception.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import is_library
from ..sensors.calls import MISSING, attribute_of, qualname
from ..sensors.places import instance_dict, namespace, namespaces, text
from .expressions import isinstance_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


KINDS = (dict, set, deque)  # what can be guarded


class NotFound(Exception):  # noqa: N818 - an answer
    """What a name means cannot be guarded; `reference` says why."""

    def __init__(self, reference: str, message: str) -> None:
        super().__init__(message)
        self.reference = reference


class Found(NamedTuple):
    """A container of the service's: its name for people, and the object that it is an attribute of, if it is one.

    `path` is what to guard it by ("module:NAME"), where that is known.
    """

    value: Any
    name: str
    owner: Any = None
    attribute: str = ""
    path: str = ""


def named(name: str) -> Found:
    """The container that a name means.

    Raises:
        NotFound: it means none.
    """
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise NotFound("bad-name", f"{name[:80]!r} is no name like module:NAME")
    try:
        found = resolve(name)
    except LookupError as error:
        raise NotFound("no-such-name", str(error)) from None
    if not isinstance_of(found.value, KINDS):
        kind = text(type(found.value).__name__)
        raise NotFound("not-a-dict", f"{found.name} is no dict, set or deque, but of type {kind}")
    return found


def resolve(name: str) -> Found:
    """The object that "module:NAME" means, a dotted path of attributes allowed; only of modules that are imported.

    Raises:
        LookupError: there is none; the words say what is missing.
    """
    module_name, _, path = name.partition(":")
    module = _module(module_name)
    if module is None:
        raise LookupError(f"no module {module_name[:80]!r} is imported")
    value: Any = module
    owner: Any = None
    attribute = ""
    for attribute in path.split("."):
        owner, value = value, attribute_of(value, attribute)
        if value is MISSING:
            raise LookupError(f"{_name_of(owner)} has no attribute {attribute[:80]!r}")
    return Found(value, f"{_name_of(owner)}.{attribute}", owner, attribute)


def namespaced(wanted: int) -> Found | None:
    """A global variable or an attribute of a class that is the object with this id."""
    inner = None
    for found in globals_and_class_attributes():
        if id(found.value) == wanted:
            if type(found.owner) is ModuleType:
                return found
            inner = found
    return inner


def globals_and_class_attributes() -> Iterator[Found]:
    """Every global variable of every module, and every attribute of the classes that are defined in it."""
    for module in _modules():
        name = _name_of(module)
        for attribute, value in list(module.__dict__.items()):
            if type(attribute) is not str or attribute.startswith("__"):
                continue
            yield Found(value, f"{name}.{attribute}", module, attribute, f"{name}:{attribute}")
            if isinstance_of(value, (type,)) and namespace(value).get("__module__") == module.__dict__.get("__name__"):
                for inner, held in list(namespace(value).items()):
                    if type(inner) is str and not inner.startswith("__"):
                        yield Found(held, f"{_name_of(value)}.{inner}", value, inner, f"{name}:{attribute}.{inner}")


def _modules() -> Iterator[ModuleType]:
    for module in list(sys.modules.values()):
        if type(module) is ModuleType:
            yield module


def _module(name: str) -> ModuleType | None:
    """A module by its name; the main program by its file's, too, since that is what reports call it."""
    module = sys.modules.get(name)
    if type(module) is ModuleType:
        return module
    main = sys.modules.get("__main__")
    return main if type(main) is ModuleType and _name_of(main) == name else None


def _name_of(value: object) -> str:
    """What people call a module, a class or an object's class."""
    if type(value) is ModuleType:
        name = text(value.__dict__.get("__name__"))
        file = text(value.__dict__.get("__file__")).rpartition("/")[2].rpartition(".")[0]
        return file if name == "__main__" and file else name
    return text(qualname(value if isinstance_of(value, (type,)) else type(value)))


def again(found: Found) -> Callable[[], Any]:
    """How to get at an object again without holding on to it: where it was found, else by a weak reference."""
    try:
        if found.owner is not None and found.attribute:
            return partial(_attribute, weakref.ref(found.owner), found.attribute)
        reference: Callable[[], Any] = weakref.ref(found.value)
    except TypeError:  # knows no weak references
        return _nothing
    return reference


def _attribute(owner: Callable[[], Any], name: str) -> Any:
    return attribute_of(owner(), name)


def _nothing() -> None:
    """Nothing can be got at."""


def services_dicts() -> list[Found]:
    """The dicts that are global variables or attributes of classes, the service's own before installed packages'."""
    found = [(_file(each.owner), each) for each in globals_and_class_attributes() if isinstance_of(each.value, (dict,))]
    others = [(file, each) for file, each in found if file and not is_library(file)]
    return [each for file, each in sorted(others, key=lambda pair: "-packages/" in pair[0])]


def _file(owner: Any) -> str:
    """The file of a module, or of the module that a class was defined in; "" for our own."""
    if isinstance_of(owner, (type,)):
        owner = sys.modules.get(text(next(iter(namespaces(owner))).get("__module__")))
    names = instance_dict(owner) if type(owner) is not ModuleType else owner.__dict__
    ours = __name__.partition(".")[0]
    return "" if text(names.get("__name__")).partition(".")[0] == ours else text(names.get("__file__"))
