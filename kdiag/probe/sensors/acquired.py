"""Which locks a frame has taken by `lock.acquire()` and not let go since, outside of any `with`.

A lock counts where every way through the function's code, from its start to where it stands, goes through such a call,
and none through a `release` or a new value of its name behind it. Only calls without arguments: others may return
without the lock. What the functions did with it that were called and have returned is not known, so this is likely, and
never certain.

Separate from `blocks`, which reads the structure of `with`; here all ways through the code are followed.
"""

from __future__ import annotations

import opcode
import sys
from typing import TYPE_CHECKING, NamedTuple

from .blocks import Entry, entries, line_of, setups
from .calls import (
    CALLS,
    LONGEST_CODE,
    METHODS,
    NOTHING,
    Chain,
    Step,
    Used,
    attribute_name,
    instructions,
    object_of,
    reached,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, FrameType

_KNOWN = 256
_LONGEST = LONGEST_CODE // 16  # instructions
_MINOR = sys.version_info[:2]
_UNIT = 1 if _MINOR < (3, 10) else 2  # bytes that a jump counts in
_JUMPS = frozenset(opcode.opname[code] for code in (*opcode.hasjrel, *opcode.hasjabs)) - {"END_ASYNC_FOR"}
_ABSOLUTE = frozenset(opcode.opname[code] for code in opcode.hasjabs)
_ENDS = frozenset({
    "RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
})  # fmt: skip


class _Sites(NamedTuple):
    """Where a piece of code acquires and releases: the index of an instruction, and the object, None if not plain.

    Attributes:
        stores: by the name of a variable or an attribute, where it gets another value.
    """

    steps: list[Step]
    index_of: dict[int, int]
    handlers: list[Entry]
    acquires: list[tuple[int, Chain]]
    releases: list[tuple[int, Chain | None]]
    stores: dict[str, list[int]]


_sites: dict[int, tuple[CodeType, _Sites | None]] = {}
_kept: dict[tuple[int, int, tuple[int, ...], tuple[int, ...]], bool] = {}


def acquired(frame: FrameType, *, waits_for: object = None) -> Iterator[tuple[Used, int]]:
    """The objects that the frame has acquired by calls, each with the line of the call; 0 where that is not known.

    Args:
        frame: of a function that runs, or of a coroutine.
        waits_for: what the frame awaits the acquiring of: that call of its is over, and still it has not got it.
    """
    if "acquire" not in frame.f_code.co_names:
        return
    sites = _sites_of(frame.f_code)
    if sites is None:
        return
    taken: dict[int, tuple[Used, list[int], set[str]]] = {}
    for index, chain in sites.acquires:
        found = reached(frame, chain) if sites.steps[index][0] <= frame.f_lasti else None
        if found is not None:
            _, indexes, names = taken.setdefault(id(found.value), (found, [], set()))
            indexes.append(index)
            names.update((chain.name, *chain.attributes))
    for found, indexes, names in taken.values():
        ends = [index for index, chain in sites.releases if _may_be(frame, chain, found.value)]
        ends += [index for name in names for index in sites.stores.get(name, ())]
        here = _here(sites, frame.f_lasti)
        if waits_for is found.value:
            here = max(index for index in indexes if index <= here)
        if _keeps(frame.f_code, sites, here, tuple(indexes), tuple(ends)):
            yield found, line_of(frame, sites.steps[indexes[0]][0]) if len(indexes) == 1 else 0


def releases(frame: FrameType) -> bool:
    """Whether a frame's code releases anything."""
    return "release" in frame.f_code.co_names


def forget() -> None:
    """Let go of the code that was looked at."""
    _sites.clear()
    _kept.clear()


def _may_be(frame: FrameType, chain: Chain | None, value: object) -> bool:
    """Whether a release may be that of this object."""
    found = reached(frame, chain) if chain is not None else None
    return found is None or found.value is value


def _sites_of(code: CodeType) -> _Sites | None:
    known = _sites.get(id(code))
    if known is None:
        if len(_sites) >= _KNOWN:
            forget()
        known = _sites[id(code)] = (code, _read(code))
    return known[1]


def _read(code: CodeType) -> _Sites | None:
    if len(code.co_code) > LONGEST_CODE:
        return None
    steps = instructions(code)
    if len(steps) > _LONGEST:
        return None
    found = _Sites(steps, {start: index for index, (start, _, _) in enumerate(steps)}, _handlers(code), [], [], {})
    for index, (_, name, argument) in enumerate(steps):
        if name.startswith(("STORE_", "DELETE_")):
            for stored in _stored(code, name, argument):
                found.stores.setdefault(stored, []).append(index)
        elif name in METHODS and attribute_name(code, argument, name) in {"acquire", "release"}:
            method = attribute_name(code, argument, name)
            chain = object_of(code, steps[:index], method)
            if method == "release":
                found.releases.append((index, chain))
            elif chain is not None and (call := _call(steps, index + 1)):
                found.acquires.append((call, chain))
    return found


def _call(steps: Sequence[Step], index: int) -> int:
    """The index of the instruction that calls what was just loaded, without any argument; 0 where none does."""
    while index < len(steps) and steps[index][1] in NOTHING:
        index += 1
    return index if index < len(steps) and steps[index][1] in CALLS and steps[index][2] == 0 else 0


def _stored(code: CodeType, name: str, argument: int) -> Iterator[str]:
    """The names that an instruction gives a value to; those of several that are stored at once are all."""
    if name in {"STORE_ATTR", "STORE_GLOBAL", "STORE_NAME", "DELETE_ATTR", "DELETE_GLOBAL", "DELETE_NAME"}:
        yield code.co_names[argument]
    elif name in {"STORE_FAST", "DELETE_FAST", "STORE_FAST_MAYBE_NULL"}:
        yield code.co_varnames[argument] if argument < len(code.co_varnames) else ""
    elif name in {"STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST"}:
        yield from (code.co_varnames[each] for each in (argument >> 4, argument & 15) if each < len(code.co_varnames))
    elif name in {"STORE_DEREF", "DELETE_DEREF"}:
        yield from (*code.co_cellvars, *code.co_freevars)


def _handlers(code: CodeType) -> list[Entry]:
    """Where control goes when an instruction raises."""
    return list(entries(code) if _MINOR >= (3, 11) else setups(code))


def _here(sites: _Sites, offset: int) -> int:
    """The index of the instruction at an offset, or of the last one before it: caches are left out."""
    index = 0
    for index, (start, _, _) in enumerate(sites.steps):
        if start > offset:
            return index - 1
    return index


def _keeps(
    code: CodeType, sites: _Sites, here: int, acquires: tuple[int, ...], ends: tuple[int, ...]
) -> bool:  # fmt: skip
    key = (id(code), here, acquires, ends)
    known = _kept.get(key)
    if known is None:
        if len(_kept) >= _KNOWN:
            _kept.clear()
        known = _kept[key] = not _reaches_without(sites, here, acquires, ends)
    return known


def _reaches_without(sites: _Sites, here: int, acquires: Sequence[int], ends: Sequence[int]) -> bool:
    """Whether some way leads here, from the start or from where the lock ends to be held, that does not acquire it."""
    pending, seen = [0], set()
    for end in ends:
        pending += _following(sites, end)
    while pending:
        index = pending.pop()
        if index == here:
            return True
        if index in seen:
            continue
        seen.add(index)
        pending += _when_raised(sites, index)
        if index not in acquires:
            pending += _following(sites, index)
    return False


def _following(sites: _Sites, index: int) -> list[int]:
    """The instructions that may come after one, unless it raises."""
    offset, name, argument = sites.steps[index]
    found = [] if name in _ENDS or index + 1 >= len(sites.steps) else [index + 1]
    if name in _JUMPS:
        after = sites.steps[index + 1][0] if index + 1 < len(sites.steps) else offset + 2
        if name in _ABSOLUTE:
            target = argument * _UNIT
        else:
            target = after - argument * _UNIT if "BACKWARD" in name else after + argument * _UNIT
        found += [sites.index_of[target]] if target in sites.index_of else []
    return found


def _when_raised(sites: _Sites, index: int) -> Iterator[int]:
    offset = sites.steps[index][0]
    for entry in sites.handlers:
        if entry.start <= offset < entry.end and entry.target in sites.index_of:
            yield sites.index_of[entry.target]
