"""Starts a thread of our own in a process, by ptrace: the way in that also opens to a process that is stuck.

One thread of the process is stopped for some hundred microseconds, is sent into a block of code that starts our
thread, and finds back by itself (`machine`). So nothing waits for us, nothing can time out half-way, and we may be
killed at any moment: before its registers are set nothing has happened, afterwards nobody needs us. A thread that is
parked in a system call starts our thread at once. A main thread that is running is interrupted at an instruction
where malloc may be half-way, so it only takes note that it is to start our thread (`Py_AddPendingCall`, made for
signal handlers) and does so between two bytecodes.

Our thread takes the GIL like any other and runs the boot text; no Python runs on a thread of the service.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.attach import parking
from kdiag.attach.entered import Entry, in_own_thread
from kdiag.attach.functions import find_functions, find_pending_calls
from kdiag.attach.machine import PEND, SPAWN, Machine, fill, machine_of
from kdiag.attach.maps import Mapping, read_maps
from kdiag.attach.memory import TargetMemory
from kdiag.attach.padding import Room, find_room
from kdiag.attach.ptrace import NotNowError, StoppedThread
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL, Clock
from kdiag.machinery.wait import Backoff, WaitTimeout, exponential_backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.attach.parking import Standing
    from kdiag.attach.process import ProcessFacts

_STACK_NEEDED = 20 * 1024  # bytes: the vector registers (11 KiB at most), and pthread_create
_TOP_OF_STACK = 1024  # bytes
_WORD = struct.Struct("<Q")
_PATIENT_ATTEMPTS = 4
_STATE_STEP = 4  # between the states of two entries: + 1 and + 2 are outcomes
_RETRIES = Backoff(duration_s=0.01, factor=1.6, jitter=0.3, steps=18, cap_s=0.3)  # four seconds in all


def refusal(facts: ProcessFacts, text: bytes) -> KdiagError | None:
    """Why a process could not be entered this way, as far as it can be told without trying; touches nothing.

    The references: `permission-denied`, `unsupported-processor`, `no-room-for-code`, and those of reading it.
    """
    try:
        _plan(facts, text)
    except KdiagError as error:
        return error
    if not StoppedThread.allowed():
        message = "ptrace is forbidden to kdiag"
        cause = "a seccomp filter refuses the system call, as in a container without CAP_SYS_PTRACE"
        return KdiagError("permission-denied", message, cause=cause, hint="start the service with: kdiag run -- …")
    return None


def enter(
    facts: ProcessFacts, text: bytes, clock: Clock = REAL, rng: random.Random | None = None, *, pending: bool = True
) -> Entry:
    """Start a thread in a process that runs a text of Python in `__main__`, which must not raise.

    Without `pending` a running main thread is not asked.

    Raises:
        KdiagError: `could-not-get-in-safely` when no thread could be borrowed without a risk, `unsupported-processor`,
            `no-room-for-code`, `another-debugger`, `permission-denied`, `target-ended`.
    """
    plan = _plan(facts, text)
    rng = rng or random.Random()  # noqa: S311 - jitter
    attempt = _Attempt(plan, clock, rng.randrange(1 << 40, 1 << 60) * _STATE_STEP, pending=pending)
    try:
        exponential_backoff(_RETRIES, attempt.make, clock=clock, rng=rng)
    except WaitTimeout as error:
        message = f"could not get into process {facts.pid} safely: {attempt.why}"
        hint = f"kdiag diagnose --attach none {facts.pid}  (from outside), or start the service with: kdiag run -- …"
        raise KdiagError("could-not-get-in-safely", message, cause=attempt.summary(), hint=hint) from error
    assert attempt.entry is not None  # noqa: S101 - the loop ends with one
    return attempt.entry


@dataclass(frozen=True)
class _Plan:
    """What is the same in all attempts on one process."""

    pid: int
    machine: Machine
    features: frozenset[str]
    interpreter: tuple[tuple[int, int], ...]
    interpreter_path: str
    literals: dict[str, int]
    room: Room
    text: bytes


def _plan(facts: ProcessFacts, text: bytes) -> _Plan:
    interpreter = facts.interpreter
    if interpreter is None or interpreter.runtime is None:
        message = f"process {facts.pid} cannot be entered: its interpreter was not found"
        raise interpreter.problem if interpreter and interpreter.problem else KdiagError("not-python", message)
    machine = machine_of(interpreter.machine)
    features = _processor_features()
    refusal = machine.refusal(features, running=False)
    if refusal:
        message = f"kdiag cannot enter processes on this processor: {refusal}"
        raise KdiagError("unsupported-processor", message, hint="start the service with: kdiag run -- …")
    mappings = read_maps(facts.pid)
    literals = find_functions(facts.pid, interpreter.path, mappings)
    ended = _padded(text + b"\0")
    with TargetMemory(facts.pid) as memory:
        room = find_room(memory, mappings, _padded(machine.code), ended)
    if room is None:
        message = f"process {facts.pid} cannot be entered: none of its files has {len(ended)} bytes of padding"
        raise KdiagError("no-room-for-code", message, hint="start the service with: kdiag run -- …")
    return _Plan(
        facts.pid,
        machine,
        features,
        interpreter.writable,
        interpreter.path,
        {**literals, "text": room.text_at},
        room,
        ended,
    )


class _Attempt:
    """Attempts on one process, one after the other, until a thread is borrowed.

    Attributes:
        why: what the last one failed for.
    """

    def __init__(self, plan: _Plan, clock: Clock, state: int, *, pending: bool) -> None:
        self._plan, self._clock, self._state, self._pending = plan, clock, state, pending
        self._pending_calls: Sequence[tuple[int, int]] | None = None
        self._made = 0
        self._tried: Counter[int] = Counter()
        self._reasons: Counter[str] = Counter()
        self.why = "no thread is parked, and the main thread is not running"
        self.entry: Entry | None = None

    def make(self) -> bool:
        """Try the best thread that there is now; True when it was borrowed."""
        choice = self._choose()
        self._made += 1
        if choice is None:
            self._reasons[self.why] += 1
            return False
        standing, entry = choice
        self._tried[standing.tid] += 1
        try:
            self.entry = in_own_thread(lambda: self._borrow(standing, entry))
        except NotNowError as error:
            self.why = f"thread {standing.tid}: {error}"
            self._reasons[str(error)] += 1
            return False
        return True

    def summary(self) -> str:
        """Why the attempts failed, with counts."""
        return ", ".join(f"{reason} ({count}×)" for reason, count in self._reasons.most_common())

    def _choose(self) -> tuple[Standing, int] | None:
        plan = self._plan
        standings = parking.read_standings(plan.pid)
        at_once = self._fresh_first(parking.parked(standings, plan.machine))
        if at_once:
            return at_once[0], SPAWN
        waiting = [
            each
            for each in parking.waiting_for_locks(standings, plan.machine)
            if not parking.waits_inside(each, plan.interpreter)
        ]
        if waiting or (standings and standings[0].state != "R"):
            self._clock.sleep(parking.STILL_S)
        later = parking.read_standings(plan.pid)
        still = self._fresh_first(parking.unmoved(waiting, later))
        if still:
            return still[0], SPAWN
        if self._pending and standings and later and self._runs_python(standings[0], later[0]):
            if self._pending_calls is None:
                self._pending_calls = find_pending_calls(plan.pid, plan.interpreter_path)
            return later[0], PEND
        return None

    def _runs_python(self, before: Standing, after: Standing) -> bool:
        """Whether the main thread comes to its next bytecode soon: it runs, or would if it had the GIL.

        One that only moves may have been woken for an instant, so that is taken for running when nothing better comes.
        """
        moves = after != before and self._made >= _PATIENT_ATTEMPTS
        return after.state == "R" or moves or parking.waits_inside(after, self._plan.interpreter)

    def _in_pending_calls(self, registers: bytes) -> bool:
        """Whether the stopped main thread may hold the lock of the pending calls, for which ours would wait forever.

        By where it stands and by the addresses on top of its stack; only a service that makes such calls is ever there.
        """
        machine, ranges = self._plan.machine, self._pending_calls or ()
        with TargetMemory(self._plan.pid) as memory:
            top = memory.read(machine.stack_pointer(registers), _TOP_OF_STACK)
        words = (machine.program_counter(registers), *(word for (word,) in _WORD.iter_unpack(top)))
        return any(start <= word < end for word in words for start, end in ranges)

    def _fresh_first(self, standings: Sequence[Standing]) -> list[Standing]:
        return sorted(standings, key=lambda each: self._tried[each.tid])

    def _borrow(self, standing: Standing, entry: int) -> Entry:
        plan, machine = self._plan, self._plan.machine
        mappings = read_maps(plan.pid)
        with StoppedThread(standing.tid) as thread:
            started = self._clock.now()
            registers = thread.registers()
            call = standing.call if standing.call and machine.stands_in(standing.call, registers) else None
            if entry == SPAWN and not call:
                raise NotNowError("it had moved on when it was stopped")
            refusal = machine.refusal(plan.features, running=call is None)
            if refusal:
                raise NotNowError(refusal)
            if not _has_stack(mappings, machine.stack_pointer(registers), machine.thread_pointer(registers)):
                raise NotNowError("it does not run on a stack of its own with enough room")
            if entry == PEND and (thread.in_restartable_sequence() or self._in_pending_calls(registers)):
                raise NotNowError("it stands in a sequence of instructions that must not be interrupted")
            vectors = thread.registers(machine.vectors) if machine.vectors is not None else b""
            # Where it goes on is written into the block, and the entry is known when the block has its place.
            back = machine.borrow(registers, vectors, 0, self._state, call)
            resume = {"resume": back.resume, "resume_interrupted": back.resume_interrupted}
            block = _padded(fill(machine.code, {**plan.literals, **resume}))
            code_at, code_stays = self._place_of(block)
            borrowed = machine.borrow(registers, vectors, code_at + entry, self._state, call)
            if not code_stays:
                thread.write(code_at, block)
            thread.write(plan.room.text_at, plan.text)
            thread.write(borrowed.stack_at, borrowed.stack)
            thread.set_registers(borrowed.registers)
        blocks = (((code_at, len(block)), code_stays), ((plan.room.text_at, len(plan.text)), plan.room.text_stays))
        return Entry(
            plan.pid, standing.tid, "parked" if entry == SPAWN else "pending", self._clock.now() - started, machine,
            tuple(block for block, stays in blocks if not stays), plan.room.text_at, borrowed.stack_at, self._state,
        )  # fmt: skip

    def _place_of(self, block: bytes) -> tuple[int, bool]:
        """Where the code is to stand, and whether it stands there already: then others may be in it, and it stays."""
        room = self._plan.room
        with TargetMemory(self._plan.pid) as memory:
            left = next((at for at in room.codes_left if memory.read(at, len(block)) == block), None)
        if left is not None:
            return left, True
        if room.code_at is None:
            raise NotNowError("there is no room for code but what killed hosts have left")
        return room.code_at, False


def _has_stack(mappings: Sequence[Mapping], stack_pointer: int, thread_pointer: int | None) -> bool:
    """Whether a thread runs on its own stack, with enough room left; the main thread's grows by itself.

    The C library keeps a thread's own data at the top of its stack. Elsewhere (on a goroutine's stack, on one for
    signals) it is not to be told where the stack ends.
    """
    holding = next((each for each in mappings if each.start <= stack_pointer < each.end), None)
    if holding is None or holding.path == "[stack]":
        return holding is not None
    own = thread_pointer is None or stack_pointer < thread_pointer < holding.end
    return own and stack_pointer - holding.start >= _STACK_NEEDED


def _processor_features() -> frozenset[str]:
    """What the processor can do; its cores are alike in what programs may use."""
    cpuinfo = Path("/proc/cpuinfo").read_text(errors="replace")
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return frozenset(next((words.split() for name, _, words in lines if name.strip() in {"flags", "Features"}), ()))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)
