"""Watches dicts of the service in place, without replacing them: CPython 3.12 and later call back before each write.

The callback runs in the middle of the interpreter's own work on the dict, which goes on afterwards with places in the
dict's memory that it has looked up before. Were another thread to run meanwhile, and write to the same dict, that
memory would be gone: Python code in the callback, which lets other threads run, corrupts dicts that several threads
write to. It would also run signal handlers, and lose what they raise. So no Python code runs in it: like the
collector's callbacks (see `sensors.gc_hooks`) it is put together from functions written in C.

- What is called back is a class. To make an instance packs the arguments into a buffer; to convert the instance to
  the number that C expects takes the next item of an iterator, and that notes the moment.
- By the kind of event another iterator notes it: writes in full until a quota is used up, and from then on by
  counting them only; the end of a dict always, so that its address is not used any more.
- A moment has the time, the thread, the arguments as numbers, the key's hash where it is a text, the value where it is
  an int, and (code, offset) of the innermost frames. Nothing else of the service's is referred to.

Python says that a watcher must be gone before the interpreter ends, and that is the last thing that `close` must see
to. A forked child inherits watched dicts: their writes are noted there, too, by this same harmless code, until `close`.

Separate from the sensor, which makes sense of the moments in a thread of ours.
"""

from __future__ import annotations

import atexit
import struct
import sys
import time
import weakref
from _thread import get_ident
from functools import partial
from itertools import accumulate, chain, count, filterfalse, islice, repeat, takewhile
from operator import attrgetter, is_, is_not, mul
from typing import TYPE_CHECKING, Any, NamedTuple

from .common_locks import DEPTH, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ADDED, MODIFIED, DELETED, CLONED, CLEARED, DEALLOCATED = range(6)  # PyDict_WatchEvent
_EVENT, _DICT, _KEY, _VALUE = range(4)
_TRIALS = 64
_SITE = attrgetter("f_code", "f_lasti")
_LINKS = ("f_back",) * (DEPTH - 1)


class Unavailable(Exception):  # noqa: N818 - a reason, not a fault
    """Dicts cannot be watched in this process; `reference` says why."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


class Moment(NamedTuple):
    """One write, right before it is done.

    Attributes:
        arguments: event, and the addresses of dict, key and value.
        key: the hash of a key that is a text; None of any other.
        value: the new value where it is an int; None for any other, and where there is none.
        sites: (code, offset) of the innermost frames.
    """

    at_ns: int
    ident: int
    arguments: tuple[int, int, int, int]
    key: int | None
    value: int | None
    sites: tuple[Site, ...]

    @property
    def resizes(self) -> bool:
        """Whether the write changes which keys there are: that breaks a loop."""
        return self.arguments[_EVENT] != MODIFIED

    @property
    def address(self) -> int:
        """The dict's."""
        return self.arguments[_DICT]


class Watcher:
    """One watcher of the interpreter's, for as many dicts as one likes. All methods are for a thread of ours.

    Attributes:
        hook_s: seconds that the callback has used up in threads of the service, by what a call took at the start.
    """

    def __init__(self) -> None:
        self._api = _interface()
        self._moments: list[Any] = []  # filled by the callback: what a Moment is made of
        self._dead: set[int] = set()  # filled by the callback: addresses of watched dicts that have ended
        self._watched: dict[int, Callable[[], Any]] = {}  # by address: how to get at the dict
        self._counted = count()
        self._counted_before = 0
        self._full_s = self._short_s = self.hook_s = 0.0
        arguments = bytearray(32)
        self._arguments = memoryview(arguments).cast("Q")
        self._notes: list[Iterator[object]] = [repeat(0)] * 8  # by event
        pack = partial(struct.Struct("=QQQQ").pack_into, arguments, 0)
        events = iter(partial(self._arguments.__getitem__, _EVENT), -1)
        moment = map(next, map(self._notes.__getitem__, events))
        called = type("Called", (), {"__init__": staticmethod(pack), "__index__": staticmethod(partial(next, moment))})
        try:
            self._callback = self._api.prototype(called)
            self._number = self._api.add(self._callback)
        except (MemoryError, OSError, RuntimeError):  # no executable memory, or all eight watchers are taken
            raise Unavailable("no-watcher-free") from None
        atexit.register(self.close)
        self._notes[DEALLOCATED] = self._deaths()
        self._measure()

    def watch(self, value: Any, again: Callable[[], Any] | None = None) -> bool:
        """Watch a dict; False where it cannot be done without holding on to it.

        Args:
            value: a dict; a subclass that knows no weak references needs `again`.
            again: returns the same object as long as it is alive, else any other.
        """
        address = id(value)
        if type(value) is dict:
            handle: Callable[[], Any] = partial(self._living, address)
        elif again is not None:
            handle = again
        else:
            try:
                handle = weakref.ref(value)
            except TypeError:
                return False
        self._dead.discard(address)
        self._api.watch(self._number, value)
        self._watched[address] = handle
        return True

    def watches(self, address: int) -> bool:
        """Whether a dict is watched now."""
        return address in self._watched

    def unwatch(self, address: int) -> None:
        """Watch a dict no more."""
        handle = self._watched.pop(address, None)
        value = handle() if handle is not None else None
        if id(value) == address:
            self._api.unwatch(self._number, value)

    def allow(self, quota: int) -> None:
        """Note that many of the next writes in full, and count those that come after them."""
        rest = map(mul, self._counted, repeat(0))
        note = chain(islice(self._writes(with_value=False), quota), rest)
        valued = chain(islice(self._writes(with_value=True), quota), rest)
        self._notes[:5] = [valued, valued, note, note, note]

    def quota(self, seconds: float, least: int) -> int:
        """How many writes can be noted in full in so much time, and not fewer than `least`."""
        return max(least, int(seconds / max(self._full_s, 1e-7)))

    def take(self) -> tuple[list[Moment], int]:
        """What was noted since the last time, and how many writes more were only counted."""
        moments = self._moments[:]
        del self._moments[: len(moments)]  # what came meanwhile stays
        counted = next(self._counted)
        more, self._counted_before = counted - self._counted_before, counted + 1
        self.hook_s += len(moments) * self._full_s + more * self._short_s
        return list(map(Moment._make, moments)), more

    def ended(self) -> set[int]:
        """The addresses of those watched dicts that have ended since the last time; they are forgotten."""
        found = {address for address in list(self._watched) if address in self._dead}
        for address in found:
            del self._watched[address]
        return found

    @property
    def buffered(self) -> int:
        """Writes that were noted and not yet taken."""
        return len(self._moments)

    def close(self) -> None:
        """Watch nothing more; more than once does no harm. No other thread of ours may be at work here."""
        number, self._number = self._number, -1
        if number < 0:
            return
        for address, handle in list(self._watched.items()):
            value = handle()
            if id(value) == address:
                self._api.unwatch(number, value)
        self._watched.clear()
        self._api.clear(number)
        self._moments.clear()
        atexit.unregister(self.close)

    def _living(self, address: int) -> Any:
        """The exact dict at an address, None when it has ended; nothing comes between the question and the answer."""
        found = list(map(self._api.at, filterfalse(self._dead.__contains__, (address,))))
        return found[0] if found else None

    def _deaths(self) -> Iterator[object]:
        addresses = iter(partial(self._arguments.__getitem__, _DICT), 0)
        return _zeros(map(self._dead.add, addresses))

    def _writes(self, *, with_value: bool) -> Iterator[object]:
        arguments = map(tuple, iter(self._arguments.tolist, None))
        keys = self._only(_KEY, str, hash) if with_value else repeat(None)
        values = self._only(_VALUE, int, int) if with_value else repeat(None)
        moments = zip(iter(time.perf_counter_ns, -1), iter(get_ident, None), arguments, keys, values, _stacks())
        return _zeros(map(self._moments.append, moments))

    def _only(self, position: int, kind: type, convert: Callable[[Any], int]) -> Iterator[int | None]:
        """A number made of the argument where it is exactly of that type, else None; it is not kept."""
        objects = map(self._api.at, map(self._arguments.__getitem__, repeat(position)))
        converted = map(convert, map(self._api.at, map(self._arguments.__getitem__, repeat(position))))
        ways: tuple[Iterator[int | None], ...] = (repeat(None), converted)
        return map(next, map(ways.__getitem__, map(is_, map(type, objects), repeat(kind))))

    def _measure(self) -> None:
        """How long a write takes that is noted, and one that is counted."""
        own: dict[str, int] = {"": 0}
        self.watch(own)
        taken = []
        for quota in (_TRIALS, 0):
            self.allow(quota)
            started = time.thread_time()
            for number in range(_TRIALS):
                own[""] = 1000 + number
            taken.append((time.thread_time() - started) / _TRIALS)
        self._full_s, self._short_s = taken
        self.unwatch(id(own))
        self.take()
        self.hook_s = 0.0


def _zeros(notes: Iterator[None]) -> Iterator[int]:
    """For each note that was taken the number that tells the interpreter to go on."""
    return map(int, map(partial(is_not, None), notes))


def _stacks() -> Iterator[tuple[Site, ...]]:
    """Each next item is the stack of whoever asks for it, innermost first."""
    frames = iter(sys._getframe, None)
    walks = map(accumulate, map(chain, zip(frames), repeat(_LINKS)), repeat(getattr))
    return map(tuple, map(map, repeat(_SITE), map(takewhile, repeat(bool), walks)))


class _Interface(NamedTuple):
    prototype: Any
    add: Any
    watch: Any
    unwatch: Any
    clear: Any
    at: Any


def _interface() -> _Interface:
    """The interpreter's functions, by ctypes.

    Raises:
        Unavailable: this interpreter has none, or they cannot be reached.
    """
    if sys.version_info < (3, 12):
        raise Unavailable("no-watchers")
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise Unavailable("no-gil")
    try:
        import ctypes  # noqa: PLC0415 - a service may have been built without it
        from _ctypes import PyObj_FromPtr  # noqa: PLC0415
    except ImportError:
        raise Unavailable("no-ctypes") from None
    if audited():
        raise Unavailable("audit-hook")
    api, number, address = ctypes.pythonapi, ctypes.c_int, ctypes.c_size_t
    found = _Interface(
        ctypes.PYFUNCTYPE(number, number, address, address, address), api.PyDict_AddWatcher, api.PyDict_Watch,
        api.PyDict_Unwatch, api.PyDict_ClearWatcher, PyObj_FromPtr,
    )  # fmt: skip
    found.watch.argtypes = found.unwatch.argtypes = (number, ctypes.py_object)
    return found


def audited() -> bool:
    """Whether there are audit hooks, which Python would run in the callback, where none of it may run.

    Asked by a call that fails before it calls any hook, and does nothing where there is none.
    """
    import ctypes  # noqa: PLC0415

    try:
        ctypes.pythonapi.PySys_Audit(b"kdiag", b"~")
    except SystemError:  # a format that there is not
        return True
    return False
