"""What kind of crash an exception is, and which of the exceptions behind it is the one to tell of.

Separate from `facts`, which reads where it was raised. An exception is asked nothing that a class of the target's could
answer: all is read by the descriptors of `BaseException` itself.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..sensors.calls import qualname
from ..sensors.places import instance_dict, mro, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import TypeGuard

NIL = "nil"
MUTATION = "mutation"
OTHER = "other"

# The types whose exceptions may be of a kind; those that the interpreter raises are never of a derived one.
LOOKED_AT = frozenset({AttributeError, TypeError, RuntimeError})
_MUTATIONS = frozenset({
    "dictionary changed size during iteration", "dictionary keys changed during iteration",
    "Set changed size during iteration", "OrderedDict mutated during iteration",
    "OrderedDict changed size during iteration", "deque mutated during iteration",
})  # fmt: skip
_LONGEST_CHAIN = 16
_MOST_MEMBERS = 32

_fields = BaseException.__dict__
args_of = _fields["args"].__get__
_traceback = _fields["__traceback__"].__get__
_cause = _fields["__cause__"].__get__
_context = _fields["__context__"].__get__
_suppressed = _fields["__suppress_context__"].__get__
_Group: Any = getattr(sys.modules["builtins"], "BaseExceptionGroup", None)  # 3.11
_members = _Group.__dict__["exceptions"].__get__ if _Group else None
_module = type.__dict__["__module__"].__get__


def kind_of(exc: BaseException) -> str:
    """One of `NIL`, `MUTATION` and `OTHER`."""
    kind = type(exc)
    if kind not in LOOKED_AT:
        return OTHER
    message = message_of(exc)
    if kind is RuntimeError:
        return MUTATION if message in _MUTATIONS else OTHER
    if kind is AttributeError:
        return NIL if message.startswith("'NoneType' object has no attribute ") else OTHER
    return NIL if "NoneType" in message else OTHER


def message_of(exc: BaseException) -> str:
    """The message where that is all that the exception was given; else ""."""
    args = args_of(exc)
    return text(args[0]) if len(args) == 1 else ""


def type_of(exc: BaseException) -> str:
    """The name of its class, with its module where it is not built in."""
    kind = type(exc)
    module = text(_module(kind))
    name = text(qualname(kind))
    return name if module in {"", "builtins"} else f"{module}.{name}"


def traceback_of(exc: BaseException) -> TracebackType | None:
    """Its traceback as it is now."""
    found: TracebackType | None = _traceback(exc)
    return found


def is_exception(value: object) -> TypeGuard[BaseException]:
    """Whether it is an exception: a hook may be called by anybody, with anything."""
    return BaseException in mro(type(value))


def is_error(exc: BaseException) -> bool:
    """Whether it is an error at all: no request to exit, no cancellation."""
    return Exception in mro(type(exc))


def roots(exc: BaseException) -> list[BaseException]:
    """Those to tell of: the members of a group; of a chain the first that is of a kind, for the others come of it."""
    found: list[BaseException] = []
    for member in _leaves(exc):
        root = member
        for link in _chain(member):
            if kind_of(link) != OTHER:
                root = link
        if id(root) not in map(id, found):
            found.append(root)
    return found


def _leaves(exc: BaseException) -> list[BaseException]:
    leaves: list[BaseException] = []
    groups = [exc]
    while groups and len(leaves) < _MOST_MEMBERS:
        group = groups.pop()
        members = members_of(group)
        if members:
            groups.extend(reversed(members[:_MOST_MEMBERS]))
        else:
            leaves.append(group)
    return leaves


def members_of(exc: BaseException) -> tuple[BaseException, ...]:
    """The members of an exception group; empty for others."""
    if _members and _Group in mro(type(exc)):
        found = _members(exc)
    else:
        backport = getattr(sys.modules.get("exceptiongroup"), "BaseExceptionGroup", None)
        if backport is None or backport not in mro(type(exc)):
            return ()
        found = instance_dict(exc).get("_exceptions")
    return tuple(each for each in found if BaseException in mro(type(each))) if type(found) is tuple else ()


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """What an exception was raised from, or while it was handled, unless that was hidden on purpose."""
    link: BaseException | None = exc
    for _ in range(_LONGEST_CHAIN):
        if link is None:
            return
        cause = _cause(link)
        if cause is None and not _suppressed(link):
            cause = _context(link)
        if cause is not None:
            yield cause
        link = cause
