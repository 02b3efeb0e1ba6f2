"""What a guarded object knows of itself: who wrote last, who iterates, and under which locks it was written.

A write by the thread that also wrote before, while nobody iterates, is let through at once: that is all that the fast
path asks. All else comes here. Of writes that take turns, the first after each change of thread is looked at:

- Another thread iterates → "changed-while-iterated", or "written-while-iterated" where the size stays.
- A thread wrote, then another one, then the first again, both are alive, and no lock was held at two such writes →
  "unlocked-writes". Who makes an object may fill it alone: what was written before anybody else came counts for
  nothing, and an object that is only handed on, from thread to thread, is never reported.

Separate from the types, which only say which of their methods write, and from the ledger, which knows no threads.
"""

from __future__ import annotations

import time
from _thread import get_ident, get_native_id
from itertools import count
from typing import TYPE_CHECKING, Any

from .effects import key_of
from .evidence import Moment, is_alive, key_in_words, made_at, moment, name_of, service_frame
from .iterations import Iteration
from .ledger import LEDGER, UNLOCKED, Conflict
from .locksets import Held, held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from .effects import Effect
    from .updates import Updates

REPORT, RAISE, HEAL = MODES = ("report", "raise", "heal")
MOST_ITERATIONS = 16
MOST_PLACES = 32  # that write, of all threads
NOBODY = 0  # no thread has this ident
_FIRST = 8  # so many writes at one place by one thread are looked at each, and then one in
_ONE_IN = 16

_numbers = count(1)
# Threads that are being looked at. What runs in one of them meanwhile (a finalizer, a signal handler, a callback) may
# write to guarded objects, too, and is let through.
_inside: set[int] = set()


class ConcurrentMapError(RuntimeError):
    """In mode `raise`: a write that conflicts with what another thread does. It was not done.

    Attributes:
        conflict: both sides.
    """

    def __init__(self, conflict: Conflict) -> None:
        super().__init__(conflict.in_words())
        self.conflict = conflict


class _Writer:
    """The writes of one thread at one place, and the last of them that was looked at."""

    __slots__ = ("count", "held", "ident", "moment", "native_id", "turn")

    def __init__(self, ident: int, native_id: int) -> None:
        self.ident = ident
        self.native_id = native_id
        self.count = 0
        self.turn = 0
        self.held = Held(frozenset(), complete=False)
        self.moment: Moment | None = None


class Guard:
    """What belongs to one guarded object.

    The object's own `_passes` is the thread whose writes need no look: who wrote last, while nobody iterates and no
    reads are watched.

    Nothing is locked, so that nobody ever waits for anybody. Each change is one step of the interpreter's; where two
    threads change the same thing at once, one of the two looks is lost.
    """

    __slots__ = (
        "_is_named", "_turns", "_turns_of", "_writer", "_writers", "iterations", "kind", "mode", "name", "number",
        "updates",
    )  # fmt: skip

    def __init__(self, kind: str) -> None:
        self.number = next(_numbers)
        self.kind = kind
        self.mode = REPORT
        self.name = made_at()
        self._is_named = False
        self._writer = get_ident()  # who wrote last; at first, who made it
        self.iterations: dict[int, Iteration] = {}  # by the iterator's id
        self.updates: Updates | None = None  # only where reads are watched, too
        self._turns = count(1)
        self._turns_of: dict[int, int] = {}  # the last turn of each thread, by its native id
        self._writers: dict[tuple[int, int, int], _Writer] = {}  # by native id, code and instruction

    def configure(self, name: str, mode: str) -> None:
        """Give it a name for people, and say what is to become of conflicts.

        Raises:
            ValueError: there is no such mode.
        """
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
        self.name, self._is_named, self.mode = name, True, mode

    def watch(self, target: Any, updates: Updates) -> None:
        """Look at every write from now on, and note them and the reads there."""
        self.updates = updates
        target._passes = NOBODY

    def iterate(self, target: Any, iterator: Iterator[Any]) -> Iterator[Any]:
        """Note that the calling thread iterates; return what it is to iterate with."""
        if self.mode == HEAL:
            iterator = iter(list(iterator))
        try:
            self._forget_ended()
            if len(self.iterations) < MOST_ITERATIONS:
                self.iterations[id(iterator)] = Iteration(iterator, service_frame())
            else:
                LEDGER.dropped += 1
        except Exception:
            LEDGER.failures += 1
        target._passes = NOBODY  # after the iteration is known: who lets somebody pass looks for one after that
        return iterator

    def before_write(self, target: Any, effect: Effect, arguments: tuple[Any, ...]) -> None:
        """Look at a write that is about to happen; the caller is a method of its type.

        Raises:
            ConcurrentMapError: it conflicts, in mode `raise`.
        """
        ident = get_ident()
        if ident in _inside:
            return
        _inside.add(ident)
        try:
            found = self._look(target, effect, arguments, ident)
            for conflict in found:
                LEDGER.note(conflict)
        except Exception:  # a fault of ours is not the service's: the write is let through
            LEDGER.failures += 1
            found = []
        finally:
            _inside.discard(ident)
        if found and self.mode == RAISE:
            raise ConcurrentMapError(found[0])

    def after_read(self, key: object, version: int) -> None:
        """Note that the calling thread has read a key at that version; called only where reads are watched."""
        if self.updates is not None and get_ident() not in _inside:
            try:
                self.updates.note_read(key, version)
            except Exception:
                LEDGER.failures += 1

    def _look(self, target: Any, effect: Effect, arguments: tuple[Any, ...], ident: int) -> list[Conflict]:
        takes_turn, self._writer = self._writer != ident, ident
        self._forget_ended()
        target._passes = ident
        if self.iterations or self.updates is not None:
            target._passes = NOBODY
        kind = _kind(target, effect, arguments)
        if kind is None:
            return []
        frame, key = service_frame(), key_of(effect, arguments)
        found = self._while_iterated(target, kind, key, frame) if self.iterations else []
        if self.updates is not None:
            found += self.updates.note_write(target, effect, arguments, self)
        if takes_turn or self.updates is not None:
            found += self._take_turn(target, key, frame)
        return found

    def _forget_ended(self) -> None:
        """Let go of the iterators that nobody goes on with."""
        for number, each in list(self.iterations.items()):
            if not each.goes_on():
                self.iterations.pop(number, None)

    def _while_iterated(self, target: Any, kind: str, key: object, frame: FrameType | None) -> list[Conflict]:
        """The conflicts with other threads' iterations; stacks are read once for each instruction that writes."""
        instruction = (id(frame.f_code), frame.f_lasti) if frame is not None else (0, 0)
        found = []
        for each in list(self.iterations.values()):
            if each.ident == get_ident():
                continue
            known: Conflict | None = each.reported.get(instruction)
            if known is None or known.kind != kind:
                known = self.conflict(target, kind, key, moment(frame), iterates=each.moment())
                if len(each.reported) < MOST_PLACES:
                    each.reported[instruction] = known
            found.append(known._replace(writes=known.writes._replace(at=time.perf_counter())))
        return found

    def _take_turn(self, target: Any, key: object, frame: FrameType | None) -> list[Conflict]:
        """Look at a write by another thread than the last one's."""
        ident, native_id, turn = get_ident(), get_native_id(), next(self._turns)
        if len(self._writers) >= MOST_PLACES or len(self._turns_of) >= MOST_PLACES:
            self._writers, self._turns_of = {}, {}
        place = (native_id, id(frame.f_code), frame.f_lasti) if frame is not None else (native_id, 0, 0)
        writer = self._writers.setdefault(place, _Writer(ident, native_id))
        before, self._turns_of[native_id] = self._turns_of.get(native_id), turn
        writer.count, writer.turn = writer.count + 1, turn
        if writer.count > _FIRST and writer.count % _ONE_IN:
            return []
        writer.held, writer.moment = held(frame, ident), moment(frame)
        others = [each for each in list(self._writers.values()) if before is not None and each.turn > before]
        racing = [each for each in others if each.native_id != native_id and self._races(writer, each)]
        return [self.conflict(target, UNLOCKED, key, writer.moment, other=each.moment) for each in racing[:1]]

    @staticmethod
    def _races(one: _Writer, other: _Writer) -> bool:
        """Whether nothing keeps the two apart: a lock, or the end of the other one's thread."""
        return other.moment is not None and not one.held.shares(other.held) and is_alive(other.ident, other.native_id)

    def conflict(self, target: Any, kind: str, key: object, writes: Moment, **others: Moment | None) -> Conflict:
        """A conflict of this object, by what each side does."""
        if not self._is_named:
            self.name = name_of(target, service_frame()) or self.name
            self._is_named = True
        moments = {name: each for name, each in others.items() if each is not None}
        words = key_in_words(key, writes, *moments.values())
        sides = {name: each.side for name, each in moments.items()}
        return Conflict(kind, self.number, self.name, self.kind, words, writes.side, **sides)


def _kind(target: Any, effect: Effect, arguments: tuple[Any, ...]) -> str | None:
    try:
        return effect(target, arguments)
    except Exception:  # of a key's own code, or no key at all: the write itself will raise it again
        return None
