"""The door of a service that was started by `kdiag run` or called `kdiag.install()`, while nobody is inside.

It is separate from the probe, which is loaded when a host comes: this part is in every process of the service from its
start, so it costs next to nothing and is never in the way.

- One sleeping thread. It opens the door a moment after the start: a process that ends, execs, closes all its
  descriptors or changes its user within that moment never had one.
- Before a fork the thread ends, after it starts anew on both sides: the service forks with no thread but its own, and
  the child opens a door of its own.
- A door that was taken away (descriptors closed, folder removed, user changed) is opened anew within `_CHECK_S`.
- With the door comes the file that fatal signals leave their stacks in, and at the end the record of an exception that
  nobody caught (see `fatal_signals`, `postmortem`).
- Nothing is printed or raised into the service, whatever goes wrong.

Functions of `_thread` and `time` are taken by name when this is imported: gevent and its kin put others in their place.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it is built in
import atexit
import os
import sys
from _thread import allocate_lock, get_ident, get_native_id, start_new_thread
from time import monotonic, sleep

TYPE_CHECKING = False  # importing `typing` would take longer than all the rest
if TYPE_CHECKING:
    from typing import Any

_THREAD = b"kdiag-door"  # the kernel's name of it, as `top -H` shows it
_OPENS_AFTER_S = 0.1
_CHECK_S = 5.0
_MOST_FOR_AN_END_S = 1.0  # a thread that sleeps ends within a millisecond; one that does not is not waited for
_SO_PEERCRED = 17


class _Door:
    """An open door, as it was when it was opened."""

    def __init__(self, folder: str, listener: Any) -> None:
        self.folder = folder
        self.listener = listener
        self._uid = os.geteuid()
        self._socket = _identity(os.fstat(listener.fileno()))
        self._entry = _identity(os.lstat(folder + "/door"))

    @property
    def usable(self) -> bool:
        """Whether a host that looks for us finds it."""
        try:
            there = _identity(os.lstat(self.folder + "/door")) == self._entry
        except OSError:
            return False
        return there and self._descriptor_is_ours and self._uid == os.geteuid()

    def let_go(self) -> None:
        """Close the socket, unless its number is another's by now."""
        if self._descriptor_is_ours:
            self.listener.close()
        else:
            self.listener.detach()

    @property
    def _descriptor_is_ours(self) -> bool:
        """Whether the number still stands for our socket: a daemon closes all that it finds, and opens others."""
        try:
            return _identity(os.fstat(self.listener.fileno())) == self._socket
        except OSError:
            return False


class _Keeper:
    """The thread in the door. A process has one at a time; a forked child gets a new one."""

    def __init__(self) -> None:
        self.occupied = False  # a host is inside: the thread is not to be ended
        self._door: _Door | None = None  # the thread's; others change it only while no thread runs
        self._host: Any = None  # one that came just as the thread was to end
        self._signals: Any = None  # what they leave when they are fatal; None before there is a door
        self._ending = self._past = False  # it was told to end; it does, and nobody can keep it any more
        self._retired = False
        self._native_id = 0
        self._opening = allocate_lock()  # held to open the door and arm signals, to take both away for good, to end
        self._end = allocate_lock()  # held until the thread is to end
        self._ended = allocate_lock()  # held while the thread runs

    def start(self) -> None:
        """Start the thread, with all signals blocked in it from its first instruction on."""
        self._ending = self._past = False
        self._end.acquire(False)
        self._ended.acquire(False)
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        try:
            start_new_thread(self._run, ())
        except RuntimeError:  # no more threads, or a subinterpreter that allows none like ours
            self._ended.release()
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)

    def end(self) -> bool:
        """End the thread, and wait until the kernel knows of it no more; False while a host is inside, or it lasts."""
        if self.occupied:
            return False
        self._ending = True
        self._end.release()
        self._knock()
        if not self._ended.acquire(True, _MOST_FOR_AN_END_S):
            return False
        deadline = monotonic() + _MOST_FOR_AN_END_S
        while os.path.exists(f"/proc/self/task/{self._native_id}") and monotonic() < deadline:
            sleep(0.0001)
        return True

    def keep(self) -> None:
        """Go on after an end that was not waited for: with the same thread, or if that ends just now with another."""
        self._ending = False
        self._end.acquire(False)
        if self._opening.acquire(True, _MOST_FOR_AN_END_S):  # whoever has just decided to end has said so
            self._opening.release()
        if self._past and self._ended.acquire(True, _MOST_FOR_AN_END_S):
            self.start()

    def close(self, *, ending: bool = False) -> None:
        """Take the door away; only while no thread runs. The end of the process takes care of its signals itself."""
        signals, self._signals = self._signals, None
        if signals is not None:
            (signals.end if ending else signals.disarm)()
        if self._door is not None:
            from .boot import close_door  # noqa: PLC0415

            close_door(self._door.folder)
            self._let_go()

    def retire(self) -> None:
        """Let nobody in any more; the thread ends with the host that is inside, or at once if that has just left."""
        waited = self._opening.acquire(True, _MOST_FOR_AN_END_S)
        try:
            self._ending = self._retired = True
            if self._signals is not None:
                self._signals.disarm()
            if self._door is not None:
                from .boot import close_door  # noqa: PLC0415

                self._knock()
                close_door(self._door.folder)
        finally:
            if waited:
                self._opening.release()

    def forget(self) -> None:
        """Let go of the sockets and leave the door where it is: in a forked child it is the parent's."""
        if self._signals is not None:
            self._signals.abandon()
        self._let_go()

    def _let_go(self) -> None:
        if self._door is not None:
            self._door.let_go()
        if self._host is not None:
            self._host.close()
        self._door = self._host = None

    def _knock(self) -> None:
        """Wake the thread from its wait for hosts."""
        if self._door is not None:
            import _socket  # noqa: PLC0415

            ourselves = _socket.socket(_socket.AF_UNIX)
            ourselves.setblocking(False)
            ourselves.connect_ex(self._door.folder + "/door")
            ourselves.close()

    def _run(self) -> None:
        try:
            self._native_id = get_native_id()
            self._end.acquire(True, _OPENS_AFTER_S)
            _name_thread(self._native_id, _THREAD)
            self._keep()
        except BaseException:  # noqa: S110 - a service never hears of our troubles
            pass
        finally:
            with self._opening:  # whoever retires us takes the door away first
                if self._retired:
                    self.forget()
            self._ended.release()

    def _is_over(self) -> bool:
        with self._opening:
            self._past = self._ending
            return self._past

    def _keep(self) -> None:
        """Wait for hosts; what one wants is the probe's business, which comes back when all have gone."""
        while not self._is_over():
            try:
                self._host = self._host or self._next_host()
            except Exception:  # out of descriptors, or ours is another's by now: look again later
                self._end.acquire(True, _CHECK_S)
            if self._host is None or self._door is None or self._ending:
                continue
            host, self._host = self._host, None
            self.occupied = True
            try:
                from .visit import visit  # noqa: PLC0415

                visit(self._door.folder, self._door.listener, host)
            finally:
                self.occupied = False

    def _next_host(self) -> Any:
        """A connection of a host that may come in; None when none came for a while, or we are to end."""
        import _socket  # noqa: PLC0415 - here and not above: not in the way of the service's start

        with self._opening:
            if self._ending:  # told by somebody who has just taken the door away
                return None
            self._arm()
            if self._door is None or not self._door.usable:
                self._open()
        if self._door is None:
            self._end.acquire(True, _CHECK_S)
        if self._door is None or self._ending:
            return None
        try:
            host = _socket.socket(fileno=self._door.listener._accept()[0])
        except _socket.timeout:
            return None
        if _peer(host) != os.getpid():
            return host
        host.close()
        return None

    def _open(self) -> None:
        from .door import close_door, open_own_door, remove_dead_doors  # noqa: PLC0415

        if self._door is not None:
            close_door(self._door.folder)
            self._let_go()
        found = open_own_door()
        if found is not None:
            self._door = _Door(*found)
            self._door.listener.settimeout(_CHECK_S)
            remove_dead_doors(os.path.dirname(self._door.folder))

    def _arm(self) -> None:
        try:
            from .fatal_signals import FatalSignals  # noqa: PLC0415

            self._signals = self._signals or FatalSignals()
            self._signals.arm()
        except Exception:  # noqa: S110 - no folder, no descriptor: then they leave nothing
            pass


def _name_thread(native_id: int, name: bytes) -> None:
    """Say who we are, to whoever looks at the process's threads from outside."""
    try:
        descriptor = os.open(f"/proc/self/task/{native_id}/comm", os.O_WRONLY | os.O_CLOEXEC)
        os.write(descriptor, name)
        os.close(descriptor)
    except OSError:  # a root folder without /proc, or a daemon that closes all descriptors just now
        pass


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _peer(connection: Any) -> int:
    return int.from_bytes(connection.getsockopt(1, _SO_PEERCRED, 12)[:4], sys.byteorder)


# Guards the thread's start and end: whoever forks, installs or uninstalls holds it; a forked child gets a new one.
_turn = allocate_lock()
_keeper: _Keeper | None = None
_registered = False
_forker = 0  # the thread that forks now
_paused = False  # whether the keeper's thread was ended for that


def install() -> None:
    """Open the door, and keep it open in the processes that this one forks; calling it again changes nothing."""
    global _keeper, _registered  # noqa: PLW0603 - a process has one door
    with _turn:
        if _keeper is not None:
            return
        _keeper = _Keeper()
        _keeper.start()
        atexit.register(_at_exit)
        if not _registered:
            _registered = True
            os.register_at_fork(
                before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
            )


def uninstall() -> None:
    """Close the door and end its thread; a host that is inside goes on until it leaves."""
    _take_away(ending=False)


def _take_away(*, ending: bool) -> None:
    global _keeper
    with _turn:
        keeper, _keeper = _keeper, None
        if keeper is None:
            return
        atexit.unregister(_at_exit)
        if keeper.end():
            keeper.close(ending=ending)
        else:
            keeper.retire()


def _at_exit() -> None:
    try:
        if getattr(sys, "last_value", None) is not None:  # most programs end without one
            from .postmortem import leave_record  # noqa: PLC0415

            leave_record()
    except Exception:  # noqa: S110 - a service never hears of our troubles
        pass
    _take_away(ending=True)


def _before_fork() -> None:
    global _forker, _paused  # noqa: PLW0603 - guarded by _turn
    if _turn.acquire(True, _MOST_FOR_AN_END_S):
        _forker = get_ident()
        _paused = _keeper is not None and _keeper.end()


def _after_fork_in_parent() -> None:
    global _forker  # noqa: PLW0603 - guarded by _turn
    if _forker == get_ident():
        if _keeper is not None:
            (_keeper.start if _paused else _keeper.keep)()
        _forker = 0
        _turn.release()


def _after_fork_in_child() -> None:
    global _forker, _keeper, _turn  # noqa: PLW0603 - this is the only thread
    _forker = 0
    _turn = allocate_lock()
    if _keeper is not None:
        _keeper.forget()
        _keeper = _Keeper()
        _keeper.start()
