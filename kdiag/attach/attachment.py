"""Gets a host and a probe together: by the door that is there already, or by the best way to make the target open one.

It is separate from the ways in, each of which knows nothing of the others: here is decided, explained and tidied up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kdiag.attach import entry, pep768
from kdiag.attach.bundle import boot_text
from kdiag.attach.channel import Channel, Hello
from kdiag.attach.doors import alive, find_door
from kdiag.attach.maps import read_maps
from kdiag.attach.memory import TargetEndedError, translate_os_error
from kdiag.attach.parking import read_standing
from kdiag.attach.preflight import check_same
from kdiag.attach.process import PROC, read_stat
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL, Clock
from kdiag.machinery.wait import WaitTimeout, poll_immediate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.attach.entered import Entry
    from kdiag.attach.process import ProcessFacts

Way = Literal["auto", "preloaded", "pep768", "ptrace"]
Method = Literal["preloaded", "pep768", "ptrace"]
WAYS: tuple[Way, ...] = ("auto", "preloaded", "pep768", "ptrace")

_STOPPED_FOR_S = 0.3
_TRACED_FOR_S = 5.0  # another kdiag stops a thread for an instant, once it has a processor
_OPENS_WITHIN_S = 6.0  # the interpreter's lock may be fought for by many
_GEVENT = "/gevent/"  # in the path of its extension modules
_PENDING_FOR_S = 1.5  # for the main thread to come to its next bytecode
_ENDS_WITHIN_S = 1.0
_LOOK_AGAIN_S = 0.003
_ASKED_FOR_S = 1.0  # until ptrace is tried
_FORBIDDEN = "remote-debugging-disabled"
_NOBODY_CAME = frozenset({"request-not-taken", "no-running-thread", "no-folder-for-script"})


@dataclass(frozen=True)
class Attachment:
    """A host and a probe that talk.

    Attributes:
        method: how the probe came to be there; "preloaded" also when another host brought it.
        hello: what the probe said of itself.
        took_s: from asking to the probe's answer.
        pause_s: for how long one thread of the target stood still for it.
    """

    method: Method
    channel: Channel
    hello: Hello
    took_s: float
    pause_s: float = 0.0

    def close(self) -> None:
        """Say goodbye: a probe that was brought in leaves with its last host."""
        self.channel.close()

    def leave(self) -> None:
        """Have the probe leave at once, whoever else talks to it."""
        self.channel.leave()


def attach(facts: ProcessFacts, way: Way = "auto", *, clock: Clock = REAL, lease_s: float | None = None) -> Attachment:
    """Get a probe into a process, or find the one that is there.

    Args:
        facts: what preflight found.
        way: "auto" takes the first that is open: the door of a probe that is there, PEP 768, ptrace.
        clock: of the session.
        lease_s: how long a probe that is brought in stays without a host; the usual time when None.

    Raises:
        KdiagError: it could not be done; the error says why and what to do. The target is unharmed then, too.
    """
    try:
        return _attach(facts, way, clock, lease_s)
    except KdiagError as error:
        if not alive(facts.pid):  # whatever it was that could not be done to a process that was ending
            raise TargetEndedError(facts.pid) from error
        raise


def _attach(facts: ProcessFacts, way: Way, clock: Clock, lease_s: float | None) -> Attachment:
    started = clock.now()
    channel = _by_the_door(facts, clock, lease_s)
    if channel is not None:
        return _attached("preloaded", channel, started, clock)
    if way == "preloaded":
        message = f"there is no probe in process {facts.pid}"
        hint = f"start the service with `kdiag run -- …`, or: kdiag diagnose --attach auto {facts.pid}"
        raise KdiagError("no-probe", message, hint=hint)
    _check_moves(facts, clock)
    with _one_at_a_time(facts, clock):
        channel = _by_the_door(facts, clock, lease_s)  # of who was here before us
        if channel is not None:
            return _attached("preloaded", channel, started, clock)
        text = boot_text(facts.own_pid)
        if (way == "pep768" or (way == "auto" and _may_ask(facts, clock))) and _ask(facts, way, text, clock):
            channel = _wait_for_door(facts, None, clock, lease_s)
            return _attached("pep768", channel, started, clock)
        entered = entry.enter(facts, text, clock)
        if entered.way == "pending" and not _is_opened(facts, entered, clock):
            # The main thread went to sleep before it came to its next bytecode. Both blocks stay: it may use its own at
            # any time, and nobody can tell which of the two threads has opened the door.
            entered.disarm()
            again = entry.enter(facts, text, clock, pending=False)
            channel = _wait_for_door(facts, again, clock, lease_s)
            return _attached("ptrace", channel, started, clock, max(entered.pause_s, again.pause_s))
        channel = _wait_for_door(facts, entered, clock, lease_s)
        attachment = _attached("ptrace", channel, started, clock, entered.pause_s)
        _tidy_up(facts, attachment.hello.boot_thread, entered, clock)
        return attachment


def _attached(method: Method, channel: Channel, started: float, clock: Clock, pause_s: float = 0.0) -> Attachment:
    try:
        hello = channel.hello()
    except BaseException:
        channel.close()
        raise
    return Attachment(method, channel, hello, clock.now() - started, pause_s)


def _may_ask(facts: ProcessFacts, clock: Clock) -> bool:
    """Whether PEP 768 is open.

    Raises:
        KdiagError: `remote-debugging-disabled`: the service wants nobody in, so ptrace is not tried by itself either.
    """
    refusal = pep768.refusal(facts, clock)
    if refusal is not None and refusal.reference == _FORBIDDEN:
        raise refusal
    return refusal is None


def _ask(facts: ProcessFacts, way: Way, text: bytes, clock: Clock) -> bool:
    """Ask by PEP 768; False when nobody came and another way may be tried.

    A thread that looks as if it ran Python may be in one long call into C.
    """
    if way == "pep768":
        pep768.enter(facts, text, clock=clock)
        return True
    try:
        pep768.enter(facts, text, clock=clock, within_s=_ASKED_FOR_S)
    except KdiagError as error:
        if error.reference not in _NOBODY_CAME:
            raise
        return False
    return True


def _by_the_door(facts: ProcessFacts, clock: Clock, lease_s: float | None) -> Channel | None:
    door = find_door(facts)
    if door is None:
        return None
    try:
        return Channel.connect(door, facts.pid, facts.uid, clock, lease_s=lease_s)
    except KdiagError as error:
        if error.reference == "probe-gone":  # it left while we came
            return None
        raise


def _is_opened(facts: ProcessFacts, entered: Entry, clock: Clock) -> bool:
    """Whether the main thread does what it was asked for; while it runs, the GIL may be long in coming.

    Raises:
        KdiagError: `thread-refused`.
    """

    def opened() -> bool:
        _check_started(facts.pid, entered)
        return find_door(facts) is not None

    try:
        poll_immediate(opened, _LOOK_AGAIN_S, _PENDING_FOR_S, clock=clock)
    except WaitTimeout:
        main = read_standing(facts.pid, facts.pid)
        return main is None or main.state == "R"
    return True


def _check_started(pid: int, entered: Entry) -> None:
    if entered.progress() == "refused":
        message = f"process {pid} could not start a thread for the probe"
        cause = "its limit of threads is reached (ulimit -u, pids.max), or its memory"
        raise KdiagError("thread-refused", message, cause=cause, hint=f"kdiag diagnose --attach none {pid}")


def _wait_for_door(facts: ProcessFacts, entered: Entry | None, clock: Clock, lease_s: float | None) -> Channel:
    """Wait until our thread has the interpreter's lock and has opened the door.

    Raises:
        KdiagError: `thread-refused`, `door-not-opened`, `green-threads`, `target-ended`.
    """
    opened: list[Channel] = []

    def come_in() -> bool:
        check_same(facts)
        channel = _by_the_door(facts, clock, lease_s)
        if channel is not None:
            opened.append(channel)
        elif entered is not None:
            _check_started(facts.pid, entered)
        return channel is not None

    try:
        poll_immediate(come_in, _LOOK_AGAIN_S, _OPENS_WITHIN_S, clock=clock)
    except WaitTimeout as error:
        if entered is not None:
            entered.disarm()
        raise _no_answer(facts.pid) from error
    return opened[0]


def _no_answer(pid: int) -> KdiagError:
    message = f"a thread was started in process {pid}, but no probe answered within {_OPENS_WITHIN_S:g} s"
    if any(_GEVENT in mapping.path for mapping in read_maps(pid)):
        cause = "gevent has put its own threads in place of Python's: what is started there is never switched to"
        hint = f"kdiag diagnose --attach none {pid}, or start it by `kdiag run`: that door is there before gevent"
        return KdiagError("green-threads", message, cause=cause, hint=hint)
    cause = (
        "something in it holds the interpreter lock all the time, it may write neither /tmp nor /dev/shm, it may "
        "open no more files, or an audit hook of its own refuses"
    )
    hint = f"kdiag diagnose --attach none {pid}  (what was started removes itself)"
    return KdiagError("door-not-opened", message, cause=cause, hint=hint)


def _tidy_up(facts: ProcessFacts, boot_thread: int, entered: Entry, clock: Clock) -> None:
    """Wipe the code that was borrowed into the padding, once nobody runs it: until then it stays, and does no harm."""

    def wiped() -> bool:
        return not _has_thread(facts, boot_thread) and entered.wipe()

    with contextlib.suppress(WaitTimeout, KdiagError):
        poll_immediate(wiped, _LOOK_AGAIN_S, _ENDS_WITHIN_S, clock=clock)


def _has_thread(facts: ProcessFacts, native_id: int) -> bool:
    """Whether a process has a thread, known by its id in the innermost PID namespace."""
    tasks = PROC / str(facts.pid) / "task"
    if facts.same_pid_namespace:
        return (tasks / str(native_id)).exists()
    for task in os.listdir(tasks):
        with contextlib.suppress(OSError):
            status = (tasks / task / "status").read_text(errors="replace")
            if any(line.startswith("NSpid:") and line.split()[-1] == str(native_id) for line in status.splitlines()):
                return True
    return False


def _check_moves(facts: ProcessFacts, clock: Clock) -> None:
    """See that the process is not stopped for good, by a signal or by a tracer.

    Raises:
        KdiagError: `process-stopped`, `target-ended`.
    """

    def left(state: str) -> bool:
        check_same(facts)
        return read_stat(facts.pid).state != state

    try:
        poll_immediate(lambda: left("T"), _LOOK_AGAIN_S, _STOPPED_FOR_S, clock=clock)
        poll_immediate(lambda: left("t"), _LOOK_AGAIN_S, _TRACED_FOR_S, clock=clock)
    except WaitTimeout as error:
        message = f"process {facts.pid} is stopped: nothing runs in it, and no probe would either"
        raise KdiagError("process-stopped", message, hint=f"kill -CONT {facts.pid}") from error


@contextlib.contextmanager
def _one_at_a_time(facts: ProcessFacts, clock: Clock) -> Iterator[None]:
    """Keep a second host out while a first one gets in; the kernel frees the lock when its holder dies."""
    try:
        folder = os.open(PROC / str(facts.pid), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise translate_os_error(facts.pid, error) from error

    def locked() -> bool:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        poll_immediate(locked, _LOOK_AGAIN_S, 2 * _OPENS_WITHIN_S, clock=clock)
        yield
    except WaitTimeout as error:
        message = f"another kdiag is getting into process {facts.pid} right now"
        raise KdiagError("another-kdiag", message, hint="try again in some seconds") from error
    finally:
        os.close(folder)
