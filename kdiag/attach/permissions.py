"""Whether we may look into a process, and what that depends on.

It is separate from `preflight`, because `kdiag doctor` asks the same without a diagnosis, and from `denial`, which
explains a refusal without touching anything.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.attach.maps import read_maps
from kdiag.attach.memory import TargetMemory, translate_os_error
from kdiag.attach.process import PROC, parse_status
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.core.model import Access

CAP_SYS_PTRACE = 1 << 19
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_SECCOMP_FILTER = "2"
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")


@dataclass(frozen=True, slots=True)
class Permissions:
    """What decides whether one process may look into another.

    Attributes:
        uid, target_uids: our effective user; the target's real, effective and saved one.
        may_ptrace: whether we have CAP_SYS_PTRACE.
        yama: the value of `kernel.yama.ptrace_scope`; 0 also where there is no yama.
        container: whether we ourselves run in a container.
        seccomp: whether our system calls are filtered.
        dumpable: False when the target keeps others of its own user out (it changed user, or asked for it).
        extra_capabilities: whether the target holds capabilities that we lack.
    """

    uid: int
    target_uids: tuple[int, ...]
    may_ptrace: bool
    yama: int = 0
    container: bool = False
    seccomp: bool = False
    dumpable: bool = True
    extra_capabilities: bool = False

    @property
    def other_user(self) -> bool:
        """Whether the target belongs to another user, wholly or in part."""
        return set(self.target_uids) != {self.uid}


def access_level(pid: int) -> Access:
    """How deep we may look into a process: "stacks" when its memory can be read, else "process"."""
    try:
        try_reading(pid)
    except KdiagError:
        return "process"
    return "stacks"


def try_reading(pid: int) -> None:
    """Ask for a process's memory in both ways that our tools use: `/proc/PID/mem` and process_vm_readv.

    A seccomp filter may forbid the second one alone.

    Raises:
        KdiagError: `permission-denied` (without the reason: see `denial`) or `target-ended`.
    """
    readable = [mapping for mapping in read_maps(pid) if mapping.permissions.startswith("r")]
    TargetMemory(pid).close()  # the permission is asked for when it is opened
    if not readable:  # a zombie: nothing to read, and nothing that forbids it
        return
    error = _process_vm_readv(pid, readable[0].start)
    if error and error.errno != errno.EFAULT:  # permission is checked before the address
        raise translate_os_error(pid, error)


def read_permissions(pid: int) -> Permissions:
    """Read what decides whether we may look into a process.

    Raises:
        KdiagError: `target-ended`.
    """
    ours = parse_status((PROC / "self" / "status").read_text())
    try:
        theirs = parse_status((PROC / str(pid) / "status").read_text(errors="surrogateescape"))
        owner = (PROC / str(pid) / "environ").stat().st_uid
    except OSError as error:
        raise translate_os_error(pid, error) from error
    uids = tuple(int(part) for part in theirs["Uid"].split()[:3])
    capabilities, target_capabilities = int(ours["CapEff"], 16), int(theirs["CapPrm"], 16)
    return Permissions(
        uid=os.geteuid(),
        target_uids=uids,
        may_ptrace=bool(capabilities & CAP_SYS_PTRACE),
        yama=_yama(),
        container=any(Path(mark).exists() for mark in _CONTAINER_MARKS),
        seccomp=ours.get("Seccomp") == _SECCOMP_FILTER,
        dumpable=owner == uids[1],  # the kernel gives the files of a process that is not dumpable to root
        extra_capabilities=bool(target_capabilities & ~int(ours["CapPrm"], 16)),
    )


def _yama() -> int:
    try:
        return int(YAMA.read_text())
    except (OSError, ValueError):
        return 0


class _Range(ctypes.Structure):
    """The C struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _process_vm_readv(pid: int, address: int) -> OSError | None:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(1)
    local, remote = _Range(ctypes.addressof(buffer), 1), _Range(address, 1)
    if libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) == 1:
        return None
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
