"""Samples of where threads are in native code, by the kernel's own sampling (perf_event_open). Nothing is stopped.

The kernel interrupts a thread after so much processor time and notes its instruction pointer in a buffer of ours; the
target sees nothing of it. Allowed for one's own processes where `kernel.perf_event_paranoid` is 2 or less; containers
often forbid it.

It is separate from `native_symbols`, which gives names to what is noted here.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from collections import Counter
from typing import TYPE_CHECKING, Self

from kdiag.sources.thread_states import read_states
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

HERTZ = 199  # of processor time; a prime number falls in step with nothing
MOST_THREADS = 32  # those that have used most; each has a buffer, and unprivileged users may lock little memory

_SYSCALL = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES = struct.Struct("<IIQQQQQIIQ")  # struct perf_event_attr in its first version
_SOFTWARE, _CPU_CLOCK = 1, 0
_IP, _TID = 1, 2
_EXCLUDE_KERNEL, _EXCLUDE_HYPERVISOR, _FREQUENCY = 1 << 5, 1 << 6, 1 << 10
_CLOSE_ON_EXEC = 8
_HEAD, _TAIL = 1024, 1032  # of the buffer, in its first page
_RECORD = struct.Struct("<IHH")
_SAMPLE = struct.Struct("<QII")
_LOST = struct.Struct("<QQ")
_SAMPLED, _LOST_SOME = 9, 2
_PAGES = 4


class PerfEvents:
    """The busiest threads of a process, sampled from `open` to `close`; to be drained every second or so.

    Attributes:
        addresses: how often each instruction pointer was seen.
        lost: samples that came when a buffer was full.
        threads, threads_in_all: how many are sampled, and how many there were.

    Raises:
        SourceError: on construction, `native-not-allowed` or `native-not-supported`.
    """

    def __init__(self, pid: int) -> None:
        self.addresses: Counter[int] = Counter()
        self.lost = 0
        self._buffers: list[_Buffer] = []
        states = read_states(pid, ())
        self.threads_in_all = len(states)
        busiest = sorted(states, key=lambda thread: states[thread].cpu_s or 0.0, reverse=True)[:MOST_THREADS]
        try:
            for thread in busiest:
                self._open(thread)
        except BaseException:
            self.close()
            raise

    @property
    def threads(self) -> int:
        """How many threads are sampled."""
        return len(self._buffers)

    def drain(self) -> None:
        """Take what the kernel has noted since the last time."""
        for buffer in self._buffers:
            for kind, body in buffer.records():
                if kind == _SAMPLED:
                    self.addresses[_SAMPLE.unpack_from(body)[0]] += 1
                elif kind == _LOST_SOME:
                    self.lost += _LOST.unpack_from(body)[1]

    def close(self) -> None:
        """End the sampling."""
        for buffer in self._buffers:
            buffer.close()
        self._buffers = []

    def _open(self, thread: int) -> None:
        try:
            self._buffers.append(_Buffer(thread))
        except ProcessLookupError:  # it has ended
            pass
        except OSError as error:
            if self._buffers and error.errno in {errno.EPERM, errno.ENOMEM, errno.EMFILE}:
                return  # no more memory may be locked: those that are sampled must do
            raise _refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Buffer:
    """What the kernel notes of one thread.

    Raises:
        OSError: on construction.
    """

    def __init__(self, thread: int) -> None:
        self._descriptor = _perf_event_open(thread)
        try:
            self._pages = mmap.mmap(self._descriptor, (1 + _PAGES) * mmap.PAGESIZE)
        except BaseException:
            os.close(self._descriptor)
            raise

    def records(self) -> Iterator[tuple[int, bytes]]:
        """The kind and the body of each record that is new."""
        head, tail = self._number(_HEAD), self._number(_TAIL)
        while tail + _RECORD.size <= head:
            kind, _, size = _RECORD.unpack(self._read(tail, _RECORD.size))
            if size < _RECORD.size or tail + size > head:
                break
            yield kind, self._read(tail + _RECORD.size, size - _RECORD.size)
            tail += size
        self._pages[_TAIL : _TAIL + 8] = struct.pack("<Q", head)

    def close(self) -> None:
        """Let the kernel take it all away."""
        self._pages.close()
        os.close(self._descriptor)

    def _number(self, place: int) -> int:
        return int.from_bytes(self._pages[place : place + 8], "little")

    def _read(self, at: int, size: int) -> bytes:
        """Bytes of the ring, which may go over its end."""
        ring = _PAGES * mmap.PAGESIZE
        start = at % ring
        first = self._pages[mmap.PAGESIZE + start : mmap.PAGESIZE + min(start + size, ring)]
        return first + self._pages[mmap.PAGESIZE : mmap.PAGESIZE + size - len(first)]


def _perf_event_open(thread: int) -> int:
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, "no such system call")
    flags = _EXCLUDE_KERNEL | _EXCLUDE_HYPERVISOR | _FREQUENCY
    attributes = _ATTRIBUTES.pack(_SOFTWARE, _ATTRIBUTES.size, _CPU_CLOCK, HERTZ, _IP | _TID, 0, flags, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(
        ctypes.c_long(number), attributes, ctypes.c_int(thread), ctypes.c_int(-1), ctypes.c_int(-1),
        ctypes.c_ulong(_CLOSE_ON_EXEC),
    )  # fmt: skip
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def _refused(error: OSError) -> SourceError:
    if error.errno in {errno.EACCES, errno.EPERM}:
        return SourceError(
            "native-not-allowed", "The kernel does not let this user sample native code (perf_event_open).",
            hint="sudo sysctl kernel.perf_event_paranoid=2, or be root; in a container a seccomp profile may forbid it",
        )  # fmt: skip
    return SourceError("native-not-supported", f"The kernel samples no native code here: {error.strerror}.")
