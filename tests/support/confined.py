"""`python -m tests.support.confined ARGUMENTS`: kdiag's command line where the kernel forbids to look into processes.

As in a container without CAP_SYS_PTRACE: a seccomp filter refuses ptrace, process_vm_readv and process_vm_writev.
Separate, because it runs as a process of its own: a filter stays for good.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

_NUMBERS = {"x86_64": (101, 310, 311), "aarch64": (117, 270, 271)}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def confine() -> None:
    """Install the filter for this process and all that it starts."""
    numbers = _NUMBERS[platform.machine()]
    steps = [(_LOAD_WORD, 0, 0, 0)]  # the system call's number
    steps += [(_JUMP_IF_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()


def main() -> None:
    confine()
    from kdiag.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
