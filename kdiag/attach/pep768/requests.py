"""Requests to run a script, in the thread states of a process's main interpreter.

It is separate because it alone writes into the interpreter of another process: three fields, at the places that the
interpreter itself names, while the thread that they belong to stands still.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.debug_offsets import (
    DEBUG_OFFSETS_SIZE,
    DebugOffsets,
    RemoteDebugging,
    UnknownOffsetsError,
    parse_debug_offsets,
)
from kdiag.attach.memory import TargetMemory, UnmappedError, translate_os_error
from kdiag.attach.ptrace import NotNowError, StoppedThread
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.attach.process import ProcessFacts

SINCE = (3, 14)
_MOST = 4096  # interpreters or threads; a longer chain is not one
_TRIES = 10  # to find one thread; a walk takes some ten microseconds
_INT = struct.Struct("<i")
_PENDING, _NOT_PENDING = 1, 0

# Bits of the lowest byte of the eval breaker. Others set bits too, by atomic operations that we do not have, and one
# set between our reading and writing would be lost: so those that are set once and for all are set here for certain
# (the thread looks, finds nothing and clears them), and those that are set again until they have been seen are not
# touched. Never set without need: bit 0, for a thread that gives up the GIL waits until another one has taken it.
_SIGNALS, _CALLS_TO_DO, _EXCEPTION, _PLEASE_STOP, _MERGE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 6


def stirred(breaker: int, free_threaded: bool) -> int:
    """The lowest byte of an eval breaker, such that its thread looks for requests and nothing set meanwhile is lost."""
    return breaker | _SIGNALS | _CALLS_TO_DO | _EXCEPTION | _PLEASE_STOP | (_MERGE if free_threaded else 0)


@dataclass(frozen=True, slots=True)
class _State:
    """The state of one Python thread, by address."""

    address: int
    tid: int


class Requests:
    """The threads of a process's main interpreter, and the requests in their states.

    Raises:
        KdiagError: on construction: this process takes no requests.
    """

    def __init__(self, facts: ProcessFacts, memory: TargetMemory) -> None:
        self.pid = facts.pid
        self._memory = memory
        self._same_ids = facts.same_pid_namespace
        self._offsets, self._remote = _offsets(facts, memory)
        runtime = facts.interpreter.runtime if facts.interpreter else None
        assert runtime is not None  # noqa: S101 - else it had no offsets
        self._main = self._find_main(runtime)
        if _INT.unpack(memory.read(self._main + self._remote.enabled, _INT.size)) != (1,):
            message = f"process {facts.pid} allows no remote debugging"
            cause = "-X disable-remote-debug, PYTHON_DISABLE_REMOTE_DEBUG, or an interpreter built without it"
            hint = f"start the service with: kdiag run -- …  (or insist: kdiag diagnose --attach ptrace {facts.pid})"
            raise KdiagError("remote-debugging-disabled", message, cause=cause, hint=hint)

    def threads(self) -> set[int]:
        """Ids, as the process itself knows them, of the threads that run Python."""
        return {state.tid for state in self._walk()}

    def inner_tid(self, tid: int) -> int:
        """The id that a thread has for itself, in a PID namespace of its own; 0 when it has ended."""
        if self._same_ids:
            return tid
        try:
            with open(f"/proc/{self.pid}/task/{tid}/status", encoding="utf-8", errors="replace") as status:  # noqa: PTH123
                line = next((line for line in status if line.startswith("NSpid:")), "0")
        except OSError:
            return 0
        return int(line.split()[-1])

    def write(self, tid: int, prepare: Callable[[], str]) -> None:
        """Write a request into the state of a thread.

        Args:
            tid: the thread.
            prepare: makes the script and returns its path; called when nothing can come in between any more.

        Raises:
            NotNowError: the thread cannot be asked at this moment; nothing was prepared.
        """
        remote = self._remote
        with StoppedThread(tid):
            state = self._state(tid)
            if state is None:
                raise NotNowError("it runs no Python any more")
            request = state + remote.support
            if self._pending(request) != _NOT_PENDING:
                raise NotNowError("another debugger's request is pending")
            breaker = self._memory.read(state + remote.eval_breaker, 1)[0]
            name = prepare().encode() + b"\0"
            assert len(name) <= remote.script_path_size  # noqa: S101 - ours are short
            self._write(request + remote.script_path, name)
            self._write(request + remote.pending_call, _INT.pack(_PENDING))
            self._write(state + remote.eval_breaker, bytes((stirred(breaker, self._offsets.free_threaded),)))

    def withdraw(self, tid: int, path: str) -> bool:
        """Take a request back; False when it is taken already. Where its thread has ended there is none.

        Raises:
            NotNowError: the thread cannot be stopped at this moment.
        """
        remote = self._remote
        if not os.path.exists(f"/proc/{self.pid}/task/{tid}"):  # noqa: PTH110
            return True
        with StoppedThread(tid):
            state = self._state(tid)
            if state is None:
                return True
            request, name = state + remote.support, path.encode() + b"\0"
            ours = self._memory.read(request + remote.script_path, len(name)) == name
            if not ours or self._pending(request) != _PENDING:
                return False
            self._write(request + remote.pending_call, _INT.pack(_NOT_PENDING))
            return True

    def _pending(self, request: int) -> int:
        pending: int = _INT.unpack(self._memory.read(request + self._remote.pending_call, _INT.size))[0]
        return pending

    def _state(self, tid: int) -> int | None:
        """The state of a thread that is stopped: it is in the list as long as the thread does not run.

        Others that end while the list is read may lead off it, hence more than one try.
        """
        inner = self.inner_tid(tid)
        for _ in range(_TRIES):
            for state in self._walk():
                if state.tid == inner:
                    return state.address
        return None

    def _walk(self) -> list[_State]:
        """The states of all threads; without those that come or go while the list is read."""
        found: list[_State] = []
        try:
            address = self._memory.read_pointer(self._main + self._offsets.threads_head)
            while address and len(found) < _MOST:
                tid = self._memory.read_pointer(address + self._offsets.native_thread_id)
                found.append(_State(address, tid))
                address = self._memory.read_pointer(address + self._offsets.thread_next)
        except UnmappedError:
            pass
        return found

    def _find_main(self, runtime: int) -> int:
        """The main interpreter: the one with the number 0, the last of the chain."""
        address = self._memory.read_pointer(runtime + self._offsets.interpreters_head)
        for _ in range(_MOST):
            if not address:
                break
            if self._memory.read_pointer(address + self._offsets.interpreter_id) == 0:
                return address
            address = self._memory.read_pointer(address + self._offsets.interpreter_next)
        message = f"the interpreter of process {self.pid} is starting or ending"
        raise KdiagError("pep768-unsupported", message, hint="try again")

    def _write(self, address: int, data: bytes) -> None:
        try:
            descriptor = os.open(f"/proc/{self.pid}/mem", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, data, address)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise translate_os_error(self.pid, error) from error


def _offsets(facts: ProcessFacts, memory: TargetMemory) -> tuple[DebugOffsets, RemoteDebugging]:
    interpreter = facts.interpreter
    version = ".".join(map(str, facts.version))
    message = f"process {facts.pid} runs Python {version}, which cannot be asked to run a script"
    hint = f"kdiag diagnose --attach ptrace {facts.pid}"
    if interpreter is None or interpreter.runtime is None:
        raise KdiagError("pep768-unsupported", message, cause="its interpreter was not found", hint=hint)
    if facts.version[:2] < SINCE:
        raise KdiagError("pep768-unsupported", message, cause="PEP 768 came with Python 3.14", hint=hint)
    runtime = interpreter.runtime
    try:
        offsets = parse_debug_offsets(facts.version, lambda: memory.read(runtime, DEBUG_OFFSETS_SIZE))
    except UnknownOffsetsError as error:
        raise KdiagError("pep768-unsupported", message, cause=str(error), hint=hint) from error
    if offsets.remote_debugging is None or not offsets.final:
        raise KdiagError("pep768-unsupported", message, cause="it is a pre-release", hint=hint)
    return offsets, offsets.remote_debugging
