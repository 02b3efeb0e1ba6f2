"""Everything that goes to standard output or to `--output FILE`: data, and nothing else."""

from __future__ import annotations

import os
import shutil
import sys
from typing import IO, TYPE_CHECKING, Any

from kdiag.core.report.style import COLOUR, PLAIN, Style
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_WIDEST = 120  # columns; longer lines are hard to read
_PIPED = 100  # columns when no terminal says otherwise


def style(output: Path | None = None) -> Style:
    """Colours for standard output: none for a file, a pipe, or NO_COLOR; FORCE_COLOR keeps them in a pipe."""
    if output is not None or os.environ.get("NO_COLOR"):
        return PLAIN
    return COLOUR if sys.stdout.isatty() or os.environ.get("FORCE_COLOR") else PLAIN


def width() -> int:
    """Columns to wrap at: the terminal's, or COLUMNS, or a moderate default."""
    return min(shutil.get_terminal_size((_PIPED, 40)).columns, _WIDEST)


def terminal_width() -> int | None:
    """Columns to cut at: the terminal's; None where nobody looks and a cut would only lose data."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def check_writable(output: Path | None) -> None:
    """Fail before the work starts, not after it.

    Raises:
        KdiagError: `output-unwritable`.
    """
    if output is None:
        return
    folder = output.parent
    if output.is_dir() or not folder.is_dir() or not os.access(output if output.exists() else folder, os.W_OK):
        reason = "it is a folder" if output.is_dir() else "no such folder" if not folder.is_dir() else "no permission"
        raise _unwritable(output, reason)


def write(lines: Iterable[str], output: Path | None = None) -> None:
    """Write lines to the file, or to standard output when there is none.

    Raises:
        KdiagError: `output-unwritable`.
    """
    if output is not None:
        try:
            output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise _unwritable(output, error.strerror or str(error)) from error
        return
    for line in lines:
        if not _put(sys.stdout, f"{line}\n"):
            return


def write_bytes(content: bytes, output: Path | None = None) -> None:
    """Write what is no text to the file, or to standard output when there is none.

    Raises:
        KdiagError: `output-unwritable`.
    """
    if output is None:
        _put(sys.stdout.buffer, content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise _unwritable(output, error.strerror or str(error)) from error


def _put(stream: IO[Any], content: str | bytes) -> bool:
    """Write to standard output at once, since some lines are waited for; says whether somebody reads on.

    A reader that closed the pipe has read all it wanted: that is no error.

    Raises:
        KdiagError: `output-unwritable`.
    """
    try:
        stream.write(content)
        stream.flush()
    except OSError as error:
        # Python flushes standard output once more at exit: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return False
        raise _unwritable("to standard output", error.strerror or str(error)) from error
    return True


def _unwritable(output: Path | str, reason: str) -> KdiagError:
    return KdiagError(
        "output-unwritable", f"Cannot write {output}: {reason}.", hint="Name a file in a folder that you may write to.",
        exit_code=USAGE,
    )  # fmt: skip
