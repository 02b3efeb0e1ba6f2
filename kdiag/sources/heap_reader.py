"""Counts the objects of a process by type, from outside: its collector's lists are followed in its memory.

Every container that the collector watches hangs in a list of its generation, and in front of each lie the two links.
To follow them takes no lock of its interpreter and runs no code in it, where `gc.get_objects()` of five million objects
would stop it for a tenth of a second.

The target goes on meanwhile, so each step is checked: the neighbour must point back. Where it does not, the walk goes
back to an object that still hangs in the list. Strings, numbers and what else cannot be part of a cycle are in no list.

Separate from `heap`, which decides when to count and what the counts mean together.
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from kdiag.attach.memory import UnmappedError
from kdiag.errors import KdiagError
from kdiag.sources.collector_layout import GENERATIONS
from kdiag.sources.collector_reader import CollectorReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kdiag.attach.memory import TargetMemory

ALL = tuple(range(GENERATIONS))
YOUNGEST = (0,)
_OBJECT = struct.Struct("<QQ8xQ")  # next, previous; then the object: its count of references, its type
_CHUNK_BITS = 16
_CHUNK = 1 << _CHUNK_BITS
_CHUNKS = 512  # 32 MiB of the target's memory in ours
_IN_CHUNK = _CHUNK - 1
_LAST_IN_CHUNK = _CHUNK - _OBJECT.size
_ADDRESS = ~7  # the links' lowest bits are the collector's notes
_STEPS_BACK = 256
_MOST_REPAIRS = 500
_ATTEMPTS = 5
_RESTS, _REST_S = 100, 0.002
_NAME_AT = 24  # of a type: the pointer to its name
_LONGEST_NAME = 100


class TornError(Exception):
    """The list changes faster than it can be followed."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Objects by their type's address.

    Attributes:
        complete: the whole list was followed.
        first: the oldest object that was looked at; 0 where the list was empty.
    """

    types: Counter[int]
    complete: bool
    first: int


class HeapReader:
    """Follows the lists of the main interpreter's collector.

    Raises:
        KdiagError: on construction: no interpreter that we know, one without such lists, or no permission.
    """

    def __init__(self, pid: int) -> None:
        self._collector = CollectorReader(pid)
        self._memory: TargetMemory = self._collector.memory
        self._chunks: dict[int, bytes] = {}
        try:
            self._collector.lists()
        except KdiagError:
            self.close()
            raise

    def known(self) -> int:
        """How many objects the interpreter itself thinks it has."""
        return self._collector.alive()

    @property
    def knows_exactly(self) -> bool:
        """Whether that is exact; up to 3.13 it counts most of them now and then only."""
        return self._collector.counts_objects

    def rearranged(self) -> int:
        """How many collections there have been that leave the old objects in another order."""
        return self._collector.rearranged()

    @property
    def collecting(self) -> bool:
        """Whether a collection is under way, which takes the lists apart."""
        return self._collector.collecting()

    def count(
        self, most: int, generations: Sequence[int] = ALL, stops: Mapping[int, int] = MappingProxyType({})
    ) -> tuple[Counted, ...]:
        """Count the objects of some generations by type, each from its newest on.

        Args:
            most: end after so many of one generation.
            generations: 0 is the youngest.
            stops: by generation the object to end before.

        Raises:
            TornError: the lists could not be followed.
            KdiagError: the target ended.
        """
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(TornError):
                return self._attempt(most, generations, stops)
        return self._attempt(most, generations, stops)

    def _attempt(self, most: int, generations: Sequence[int], stops: Mapping[int, int]) -> tuple[Counted, ...]:
        self._wait_for_collection()
        before = self._collector.read().collections[-1]
        heads = self._collector.lists()
        try:
            newest = self._newest(heads)
            counted = tuple(self._follow(heads, newest, each, most, stops.get(each, 0)) for each in generations)
        finally:
            self._chunks.clear()
        if self._collector.read().collections[-1] != before:
            raise TornError  # a full collection puts them into another order
        return counted

    def name(self, kind: int) -> str:
        """The name of the type at an address, without its module if it was made by a class statement; "" if none."""
        try:
            address = self._memory.read_pointer(kind + _NAME_AT)
            raw = self._start_of(address, _LONGEST_NAME)
        except UnmappedError:
            return ""
        name = raw.partition(b"\0")[0].decode("utf-8", "replace")
        return name if name.isprintable() else ""

    def close(self) -> None:
        """Let go of the target."""
        self._collector.close()

    def _newest(self, heads: Sequence[int]) -> list[int]:
        """The newest object of each list, all at one moment but for the youngest generation's."""
        newest = [self._links(head)[1] for head in heads]
        if [self._links(head)[1] for head in heads[1:]] != newest[1:] or self.collecting:
            raise TornError
        return newest

    def _follow(self, heads: Sequence[int], newest: Sequence[int], generation: int, most: int, stop: int) -> Counted:
        """Follow one list to its end, or to where an older generation began: it may have been joined to that one."""
        nodes: list[int] = []
        types: list[int] = []
        head = heads[generation]
        ends = {stop or head, *newest[generation + 1 :]}
        newer, node = head, newest[generation]
        for _ in range(_MOST_REPAIRS):
            newer, node = self._run(nodes, types, newer, node, {*ends, *heads}, most)
            if node in ends or len(nodes) >= most:
                complete = len(nodes) < most and not stop
                return Counted(Counter(types), complete, nodes[-1] if nodes else 0)
            if node in heads:
                break  # they have been moved into another list, or what was to be the last one has gone
            newer, node = self._step_back(nodes, types)
        raise TornError

    def _run(
        self, nodes: list[int], types: list[int], newer: int, node: int, ends: set[int], most: int
    ) -> tuple[int, int]:
        """Go on from two neighbours for as long as each points back to the one before; return where that ends."""
        chunks, unpack = self._chunks, _OBJECT.unpack_from
        for _ in range(len(nodes), most):
            if node in ends:
                break
            offset = node & _IN_CHUNK
            chunk = chunks.get(node >> _CHUNK_BITS)
            try:
                if chunk is None or offset > _LAST_IN_CHUNK:
                    chunk, offset = self._fetch(node, offset)
            except UnmappedError:
                break
            following, previous, kind = unpack(chunk, offset)
            if following & _ADDRESS != newer:
                break
            nodes.append(node)
            types.append(kind)
            newer, node = node, previous & _ADDRESS
        return newer, node

    def _step_back(self, nodes: list[int], types: list[int]) -> tuple[int, int]:
        """The newest pair of neighbours before the tear that still hang together; what came after it is forgotten."""
        self._chunks.clear()
        self._wait_for_collection()
        for newer in reversed(nodes[-_STEPS_BACK:]):
            following, node = self._links(newer)
            if self._links(following)[1] == newer and self._links(node)[0] == newer:
                return newer, node
            nodes.pop()
            types.pop()
        raise TornError  # not from the newest on again: others are that by now, which were counted elsewhere

    def _wait_for_collection(self) -> None:
        """A collection takes the lists apart.

        Raises:
            TornError: it lasts.
        """
        for _ in range(_RESTS):
            if not self.collecting:
                return
            time.sleep(_REST_S)
        raise TornError

    def _links(self, node: int) -> tuple[int, int]:
        """The neighbours of an object now."""
        try:
            following, previous = struct.unpack("<QQ", self._memory.read(node, 16))
        except UnmappedError:
            return -1, -1
        return following & _ADDRESS, previous & _ADDRESS

    def _fetch(self, node: int, offset: int) -> tuple[bytes, int]:
        """What is around an object, for its neighbours are likely to be near; else the object alone."""
        if offset <= _LAST_IN_CHUNK:
            if len(self._chunks) >= _CHUNKS:
                self._chunks.clear()
            try:
                chunk = self._memory.read(node - offset, _CHUNK)
            except UnmappedError:  # not all of it is mapped
                return self._memory.read(node, _OBJECT.size), 0
            self._chunks[node >> _CHUNK_BITS] = chunk
            return chunk, offset
        return self._memory.read(node, _OBJECT.size), 0

    def _start_of(self, address: int, size: int) -> bytes:
        """Up to `size` bytes; fewer where the mapping ends before."""
        try:
            return self._memory.read(address, size)
        except UnmappedError:
            return self._memory.read(address, min(size, -address % 4096) or size)
