"""The memory of another process, read through `/proc/PID/mem`.

It is separate so that there is one place where the operating system's errors become ours: the process ended, we may
not read it, or the address is not mapped. Nothing is written and nothing is stopped.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Self

from kdiag.errors import KdiagError

POINTER_SIZE = 8
_POINTER = struct.Struct("<Q")


class TargetEndedError(KdiagError):
    """The process ended while it was looked at (or its PID names no process any more)."""

    def __init__(self, pid: int) -> None:
        super().__init__("target-ended", f"process {pid} has ended", hint="kdiag ps")


class UnmappedError(KdiagError):
    """An address is not mapped in the target: what we follow is not what we think, or it was just freed."""

    def __init__(self, pid: int, address: int) -> None:
        super().__init__("memory-unmapped", f"address {address:#x} is not mapped in process {pid}")


class AccessDeniedError(KdiagError):
    """The operating system does not let us look into the process; preflight finds out why."""

    def __init__(self, pid: int) -> None:
        super().__init__("permission-denied", f"no permission to look into process {pid}", hint=f"kdiag doctor {pid}")


def translate_os_error(pid: int, error: OSError) -> KdiagError:
    """Turn an error of a file below `/proc/PID`, or of a system call on that process, into ours."""
    if error.errno in (errno.ENOENT, errno.ESRCH):
        return TargetEndedError(pid)
    if error.errno in (errno.EPERM, errno.EACCES):
        return AccessDeniedError(pid)
    return KdiagError("process-not-readable", f"cannot look into process {pid}: {error.strerror}")


class TargetMemory:
    """One open descriptor to a process's memory.

    The descriptor belongs to the address space, not to the PID: after the process ends, or executes another program,
    reads tell so and never reach a successor with the same PID.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise translate_os_error(pid, error) from error

    def read(self, address: int, size: int) -> bytes:
        """Read `size` bytes at `address`.

        Raises:
            TargetEndedError: the process ended or replaced its program.
            UnmappedError: some of the bytes are not mapped.
            KdiagError: `stopped`, it was closed.
        """
        try:
            data = os.pread(self._descriptor, size, address)
        except (OSError, OverflowError) as error:
            # EIO is an unmapped page; an address beyond the signed range can only come from bytes that are no pointer.
            if isinstance(error, OverflowError) or error.errno in (errno.EIO, errno.EFAULT, errno.EINVAL):
                raise UnmappedError(self.pid, address) from error
            if self._descriptor < 0:  # closed under a reader in another thread: it is not the process that failed
                raise KdiagError("stopped", f"process {self.pid} is no longer looked at") from error
            raise translate_os_error(self.pid, error) from error
        if len(data) == size:
            return data
        if not data:  # end of file: the address space is gone
            raise TargetEndedError(self.pid)
        raise UnmappedError(self.pid, address + len(data))

    def read_pointer(self, address: int) -> int:
        """Read one pointer (eight bytes, little-endian: x86-64 and aarch64)."""
        pointer: int = _POINTER.unpack(self.read(address, POINTER_SIZE))[0]
        return pointer

    def close(self) -> None:
        """Give the descriptor back; more than once does no harm."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
