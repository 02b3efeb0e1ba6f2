"""Each lock on the door to a process, told apart, with the command that opens it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest

from kdiag.attach.denial import explain
from kdiag.attach.permissions import Permissions

USER, OTHER, ROOT = 4242, 65534, 0
SAME_USER = Permissions(uid=USER, target_uids=(USER, USER, USER), may_ptrace=False)
OTHER_USER = replace(SAME_USER, target_uids=(OTHER, OTHER, OTHER))
WITH_CAPABILITY = replace(OTHER_USER, uid=ROOT, may_ptrace=True)
AGAIN = f"{sys.executable} -m kdiag diagnose 7"


@pytest.mark.parametrize(
    ("permissions", "cause", "hint"),
    [
        (replace(WITH_CAPABILITY, yama=3), "ptrace_scope is 3", "/etc/sysctl.d/"),
        (replace(WITH_CAPABILITY, seccomp=True), "seccomp", "--cap-add SYS_PTRACE"),
        (WITH_CAPABILITY, "in spite of CAP_SYS_PTRACE", "in its container"),
        (replace(OTHER_USER, uid=ROOT), "root has no CAP_SYS_PTRACE", "--cap-add SYS_PTRACE"),
        (OTHER_USER, f"kdiag as #{USER}", f"sudo -u nobody {AGAIN}"),
        (replace(OTHER_USER, yama=1), "it runs as nobody", f"sudo {AGAIN}"),
        (replace(SAME_USER, container=True, seccomp=True), "container", "--cap-add SYS_PTRACE"),
        (replace(SAME_USER, container=True, yama=1), "container", "securityContext"),
        (
            replace(SAME_USER, yama=2),
            "ptrace_scope is 2",
            f"cap_sys_ptrace=eip {os.path.realpath(sys.executable)}",
        ),
        (replace(SAME_USER, dumpable=False, yama=1), "PR_SET_DUMPABLE", f"sudo {AGAIN}"),
        (replace(SAME_USER, extra_capabilities=True), "capabilities", f"sudo {AGAIN}"),
        (replace(SAME_USER, yama=1), "ptrace_scope is 1", "echo 0 | sudo tee /proc/sys/kernel/yama/ptrace_scope"),
        (SAME_USER, "security module", f"sudo {AGAIN}"),
    ],
)
def test_every_lock_has_its_cause_and_its_key(permissions: Permissions, cause: str, hint: str) -> None:
    error = explain(7, permissions)
    assert error.reference == "permission-denied"
    assert "process 7" in error.message
    assert cause in error.cause
    assert hint in error.hint


def test_part_of_another_user_is_another_user() -> None:
    assert replace(SAME_USER, target_uids=(USER, ROOT, USER)).other_user
    assert not SAME_USER.other_user
