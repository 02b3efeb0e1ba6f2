"""One thread of another process, stopped for some hundred microseconds. Pure ptrace, by ctypes; no debugger.

It is separate because it alone knows the kernel's rules for tracers. Only the one thread stops, and it is let go in
every case: by `detach`, and by the kernel when the tracing thread of ours ends, however it ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import time
from typing import Self

from kdiag.attach.memory import translate_os_error
from kdiag.errors import KdiagError

_POKEDATA = 5
_DETACH = 17
_GETREGSET, _SETREGSET, _SEIZE, _INTERRUPT = 0x4204, 0x4205, 0x4206, 0x4207
_GET_RSEQ = 0x420F
GENERAL = 1  # NT_PRSTATUS, the register set
_EVENT_STOP = 128  # PTRACE_EVENT_STOP
_SIGTRAP = 5
_WAIT_ALL = 0x40000000  # __WALL: threads too
_MOST_REGISTERS = 16384  # bytes; more than any set has
_STOP_WITHIN_S = 0.1  # a thread that is slower is in the kernel and not to be had
_LOOK_AGAIN_S = 0.00005
_WORD = struct.Struct("<Q")


class NotNowError(Exception):
    """The thread cannot be borrowed at this moment: nothing has been done to it."""


class _Range(ctypes.Structure):
    """The C struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class StoppedThread:
    """A thread of another process, stopped while the context lasts.

    All calls must be made by one and the same thread of ours: the kernel knows the tracer by it.

    Attributes:
        tid: its id in our PID namespace.

    Raises:
        NotNowError: on entering: it did not stop, ended, or was just being told a signal, which it was then given.
        KdiagError: on entering: `permission-denied`, `another-debugger`.
    """

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.restype = ctypes.c_long
        self._libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)

    def __enter__(self) -> Self:
        self._seize()
        try:
            self._call(_INTERRUPT)
            self._wait_for_stop()
        except OSError as error:
            raise NotNowError(f"it ended ({error.strerror})") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._detach(0)

    @classmethod
    def allowed(cls) -> bool:
        """Whether we may make this system call at all: asked about a thread that there never is."""
        try:
            cls(0)._call(_SEIZE)  # noqa: SLF001 - our own
        except OSError as error:
            return error.errno == errno.ESRCH
        return True

    def registers(self, which: int = GENERAL) -> bytes:
        """One of its register sets, as the kernel lays it out."""
        buffer = ctypes.create_string_buffer(_MOST_REGISTERS)
        area = _Range(ctypes.addressof(buffer), _MOST_REGISTERS)
        self._call(_GETREGSET, which, ctypes.addressof(area))
        return buffer.raw[: area.length]

    def set_registers(self, registers: bytes) -> None:
        """Set its general registers, all at once."""
        buffer = ctypes.create_string_buffer(registers, len(registers))
        area = _Range(ctypes.addressof(buffer), len(registers))
        self._call(_SETREGSET, GENERAL, ctypes.addressof(area))

    def write(self, address: int, data: bytes) -> None:
        """Write into its process's memory; where that is read-only, into a copy of its own.

        Both must be multiples of eight. `/proc/PID/mem` is fast; a kernel may forbid it for read-only memory.
        """
        try:
            descriptor = os.open(f"/proc/{self.tid}/mem", os.O_WRONLY | os.O_CLOEXEC)
            try:
                if os.pwrite(descriptor, data, address) == len(data):
                    return
            finally:
                os.close(descriptor)
        except OSError:
            pass
        for offset, (word,) in zip(range(0, len(data), _WORD.size), _WORD.iter_unpack(data), strict=True):
            self._call(_POKEDATA, address + offset, word)

    def in_restartable_sequence(self) -> bool:
        """Whether it stands in a sequence that the kernel would abort if it moved to another CPU (rseq)."""
        buffer = ctypes.create_string_buffer(24)
        try:
            self._call(_GET_RSEQ, len(buffer), ctypes.addressof(buffer))
            (area,) = _WORD.unpack_from(buffer.raw)
            if not area:
                return False
            with open(f"/proc/{self.tid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - no Path for /proc
                return os.pread(memory.fileno(), _WORD.size, area + _WORD.size) != bytes(_WORD.size)
        except OSError:  # before Linux 5.13 nobody can tell, and hardly anybody uses them
            return False

    def _seize(self) -> None:
        """Begin to trace it. A tracer that is gone again when we look for it was no lack of permission: once more."""
        for again in (True, True, False):
            try:
                self._call(_SEIZE)
            except OSError as error:
                if error.errno == errno.ESRCH:
                    raise NotNowError("it ended") from error
                if error.errno == errno.EPERM and (tracer := _tracer_of(self.tid)):
                    message = f"thread {self.tid} is traced already, by process {tracer}"
                    cause = "the kernel lets only one tracer at it"
                    raise KdiagError("another-debugger", message, cause=cause) from error
                if error.errno != errno.EPERM or not again:
                    raise translate_os_error(self.tid, error) from error
            else:
                return

    def _wait_for_stop(self) -> None:
        deadline = time.monotonic() + _STOP_WITHIN_S
        while True:
            found, status = os.waitpid(self.tid, os.WNOHANG | _WAIT_ALL)
            if found:
                break
            if time.monotonic() > deadline:  # the kernel forgets the request when the tracing thread ends
                raise NotNowError("it did not stop")
            time.sleep(_LOOK_AGAIN_S)
        if not os.WIFSTOPPED(status):
            raise NotNowError("it ended")
        event, signal = status >> 16, os.WSTOPSIG(status)
        if event == _EVENT_STOP and signal == _SIGTRAP:
            return
        self._detach(0 if event else signal)
        raise NotNowError("the process is stopped" if event == _EVENT_STOP else f"it is being sent signal {signal}")

    def _detach(self, signal: int) -> None:
        try:
            self._call(_DETACH, 0, signal)
        except OSError as error:
            if error.errno != errno.ESRCH:  # it was killed meanwhile
                raise

    def _call(self, request: int, address: int = 0, data: int = 0) -> None:
        if self._libc.ptrace(request, self.tid, address, data) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _tracer_of(tid: int) -> int:
    try:
        with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as status:  # noqa: PTH123
            return next((int(line.split()[1]) for line in status if line.startswith("TracerPid:")), 0)
    except OSError:
        return 0
