"""Runs py-spy as a child process: finds it, bounds it, stops it with the session, and explains its failures.

It is separate because three sources call py-spy and none of them should know about processes and file descriptors.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.machinery.context import Context

_POLL_S = 0.1  # how soon a running tool notices that the session ended
_GRACE_S = 0.6  # how long a tool may take to write what it has after it was asked to stop


class SourceError(KdiagError):
    """A source could not take its sample this time; the session counts it and tries again."""


def py_spy_path() -> Path:
    """Where the py-spy binary is: beside our interpreter first, then on PATH.

    Raises:
        SourceError: `py-spy-missing`.
    """
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        candidate = Path(folder) / "py-spy"
        if candidate.exists():
            return candidate
    found = shutil.which("py-spy")
    if found is None:
        raise SourceError(
            "py-spy-missing", "The py-spy program was not found.", hint="Install it beside kdiag: pip install py-spy"
        )
    return Path(found)


def run_py_spy(arguments: Sequence[str], ctx: Context, *, timeout_s: float, finish_on_stop: bool = False) -> bytes:
    """Run py-spy and return what it wrote to its standard output.

    Args:
        arguments: without the program's name; `{output}` in one stands for a file in memory whose content is
            returned in place of the standard output.
        ctx: when it is done the tool is ended at once, or with `finish_on_stop` asked to write what it has.
        timeout_s: seconds after which a tool that hangs is killed.

    Raises:
        SourceError: `py-spy-failed`, `py-spy-timeout`, `stopped` (the session ended first).
    """
    output = os.memfd_create("kdiag-py-spy")
    try:
        argv = [str(py_spy_path()), *(a.replace("{output}", f"/dev/fd/{output}") for a in arguments)]
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(output,),
            start_new_session=True,
        )  # fmt: skip
        try:
            stdout, stderr = _communicate(child, ctx, timeout_s, finish_on_stop=finish_on_stop)
        finally:
            _end(child)
        if child.returncode != 0:
            raise _failure(stderr.decode(errors="replace"))
        return _read_all(output) or stdout
    finally:
        os.close(output)


def _communicate(
    child: subprocess.Popen[bytes], ctx: Context, timeout_s: float, *, finish_on_stop: bool
) -> tuple[bytes, bytes]:
    waited = 0.0
    while True:
        try:
            return child.communicate(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            waited += _POLL_S
        if ctx.done.is_set():
            if not finish_on_stop:
                raise SourceError("stopped", "The session ended while py-spy was looking.")
            child.send_signal(signal.SIGINT)
            try:
                return child.communicate(timeout=_GRACE_S)
            except subprocess.TimeoutExpired:
                raise SourceError("stopped", "py-spy did not finish when the session ended.") from None
        if waited > timeout_s:
            raise SourceError(
                "py-spy-timeout", f"py-spy gave no answer within {timeout_s:.0f} s.",
                hint="The machine is overloaded, or the target has very many threads; try again with a longer --for.",
            )  # fmt: skip


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
        child.communicate()


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        stream.seek(0)
        return stream.read()


def _failure(stderr: str) -> SourceError:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    first = next((line for line in lines if line.startswith("Error:")), lines[0] if lines else "no message")
    reason = first.removeprefix("Error:").strip()
    if "ermission" in stderr:
        return SourceError(
            "permission-denied", "py-spy may not read the target.", cause=reason, hint="Run: kdiag doctor PID"
        )
    return SourceError("py-spy-failed", f"py-spy could not read the target: {reason}", hint="Run: kdiag doctor PID")
