"""What has ended processes that are gone: finds their records, and the source at the places that they name.

Separate from the session: there is nothing to attach to, and nothing to observe.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.core.model import Limitation
from kdiag.core.nil import explain
from kdiag.core.report.crashes import Crash, Crashes
from kdiag.errors import KdiagError
from kdiag.sources.crash_records import own_folders, read_folder
from kdiag.sources.source_lines import SourceReader

if TYPE_CHECKING:
    from kdiag.core.model import Ended

ONLY_PRELOADED = Limitation(
    "only-preloaded",
    "Only processes that kdiag was in leave a record: those started by `kdiag run`, those that called "
    "kdiag.install(), and those that a kdiag was attached to when they ended.",
    "kdiag run -- COMMAND",
)
SOURCE_CHANGED = Limitation(
    "source-changed", "Files have been written since the crash; the lines of those are not shown.",
    "check out what ran then",
)  # fmt: skip
_ROOT = "/"  # the process is gone, and so is its view of the files


def postmortem(pid: int | None, folder: Path | None) -> Crashes:
    """The crashes of which there are records, oldest first.

    Args:
        pid: of this process only; a number may have been several processes' in turn.
        folder: look there, and not where processes of this machine leave them.

    Raises:
        KdiagError: `no-such-folder` or `permission-denied`.
    """
    folders = [folder] if folder is not None else own_folders()
    found = [ended for each in folders for ended in _read(each, named=folder is not None)
             if pid is None or ended.pid == pid]  # fmt: skip
    reader = SourceReader(_ROOT)
    crashes = tuple(_with_source(ended, reader) for ended in sorted(found, key=lambda ended: ended.at))
    changed = (SOURCE_CHANGED,) if any(crash.changed for crash in crashes) else ()
    return Crashes(crashes, tuple(map(str, folders)), (ONLY_PRELOADED, *changed))


def _with_source(ended: Ended, reader: SourceReader) -> Crash:
    """The crash with what its source said then: files that have been written since then say something else."""
    frames = [*ended.frames, *(frame for thread in ended.threads for frame in thread.frames)]
    files = {frame.file for frame in frames}
    changed = {file for file in files if _written_at(file) > ended.at.timestamp()}
    nil = None
    if ended.crash is not None and ended.crash.kind == "nil":
        nil = explain(ended.crash, reader.texts(files - changed))
        frames += [origin.place for origin in nil.origins] if nil else []
    lines = reader.facts({(frame.file, frame.line) for frame in frames if frame.file not in changed})
    return Crash(ended, lines, nil, bool(changed))


def _written_at(file: str) -> float:
    try:
        return Path(_ROOT, file).stat().st_mtime
    except OSError:
        return 0.0


def _read(folder: Path, *, named: bool) -> list[Ended]:
    try:
        return list(read_folder(folder))
    except PermissionError as error:
        raise KdiagError(
            "permission-denied", f"No permission to read {folder}.", hint=f"sudo kdiag crashes {folder}"
        ) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not named:
            return []  # a process that ended well has just taken its empty folder away
        raise KdiagError(
            "no-such-folder", f"Cannot read {folder}: {error.strerror}.",
            hint="kdiag crashes  (without a folder: where processes of this machine leave their records)",
        ) from error  # fmt: skip
