"""Which of the many locks on the door to a process refused us, and the command that opens it.

It is separate from `permissions`, which reads the facts: this is a pure function of them, so that locks that a
machine does not have are tested on it too.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable
from dataclasses import dataclass

from kdiag.attach.permissions import YAMA, Permissions
from kdiag.errors import KdiagError

YAMA_ONLY_DESCENDANTS, YAMA_ONLY_ADMIN, YAMA_NOBODY = 1, 2, 3
_IN_CONTAINER = "docker run --cap-add SYS_PTRACE …  (Kubernetes: securityContext.capabilities.add: [SYS_PTRACE])"


@dataclass(frozen=True, slots=True)
class _Lock:
    """A reason for refusal: when it applies, and the texts, filled with `owner`, `user`, `again` and `python`."""

    applies: Callable[[Permissions], bool]
    cause: str
    hint: str


_LOCKS = (  # in the order in which the kernel tries them: the first that applies is the one that refused
    _Lock(
        lambda facts: facts.yama >= YAMA_NOBODY,
        "kernel.yama.ptrace_scope is 3: nobody may look into a process until the machine starts anew",
        "echo 'kernel.yama.ptrace_scope = 1' | sudo tee /etc/sysctl.d/10-ptrace.conf  (and restart the machine)",
    ),
    _Lock(
        lambda facts: facts.may_ptrace and facts.seccomp,
        "a seccomp filter forbids process_vm_readv",
        _IN_CONTAINER,
    ),
    _Lock(
        lambda facts: facts.may_ptrace,
        "a security module (SELinux, AppArmor) or a user namespace forbids it in spite of CAP_SYS_PTRACE",
        "run kdiag where the process runs: in its container, or as root outside of all containers",
    ),
    _Lock(
        lambda facts: facts.other_user and facts.uid == 0,
        "it runs as {owner}, and root has no CAP_SYS_PTRACE here",
        _IN_CONTAINER,
    ),
    _Lock(
        lambda facts: facts.other_user and not facts.yama,
        "it runs as {owner}, kdiag as {user}",
        "sudo -u {owner} {again}",
    ),
    _Lock(lambda facts: facts.other_user, "it runs as {owner}, kdiag as {user}", "sudo {again}"),
    _Lock(
        lambda facts: facts.container and (facts.seccomp or facts.yama > 0),
        "this container was started without CAP_SYS_PTRACE",
        _IN_CONTAINER,
    ),
    _Lock(
        lambda facts: facts.yama == YAMA_ONLY_ADMIN,
        "kernel.yama.ptrace_scope is 2: only a process with CAP_SYS_PTRACE may look into another one",
        "sudo {again}  (or: sudo setcap cap_sys_ptrace=eip {python})",
    ),
    _Lock(
        lambda facts: not facts.dumpable,
        "it keeps others of its own user out (it changed user, or set PR_SET_DUMPABLE)",
        "sudo {again}",
    ),
    _Lock(
        lambda facts: facts.extra_capabilities,
        "it holds capabilities that kdiag does not have",
        "sudo {again}",
    ),
    _Lock(
        lambda facts: facts.yama == YAMA_ONLY_DESCENDANTS,
        "kernel.yama.ptrace_scope is 1: only a parent may look into a process",
        f"echo 0 | sudo tee {YAMA}  (or: sudo {{again}})",
    ),
    _Lock(
        lambda _: True, "the operating system refuses (a security module such as SELinux or AppArmor)", "sudo {again}"
    ),
)


def explain(pid: int, facts: Permissions) -> KdiagError:
    """Say which lock keeps us out of a process, and the exact command that opens it."""
    lock = next(lock for lock in _LOCKS if lock.applies(facts))
    words = {
        "owner": _user_name(facts.target_uids[1]),
        "user": _user_name(facts.uid),
        "again": f"{sys.executable} -m kdiag diagnose {pid}",
        "python": os.path.realpath(sys.executable),
    }
    message = f"no permission to look into process {pid}"
    return KdiagError("permission-denied", message, cause=lock.cause.format(**words), hint=lock.hint.format(**words))


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"  # sudo -u takes it in this form
