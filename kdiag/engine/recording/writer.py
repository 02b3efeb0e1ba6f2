"""Writes a recording while the observation goes on, so that what was seen outlives kdiag itself.

Samples are taken from the sources' threads at once, and written each second by a thread of its own: whatever ends kdiag
takes at most the last second with it. A disk that is full ends the recording, not the observation.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import zlib
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kdiag.core.mentioned import source_files
from kdiag.core.model import Limitation, ProbeSample, Sample
from kdiag.core.redact_files import redact_file
from kdiag.engine.recording.format import ENTRY_OF, End, Entry, Header, Source, encode
from kdiag.engine.recording.redacting import redacted, redacted_line
from kdiag.engine.recording.stacks import Stacks
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import Clock
from kdiag.sources.source_lines import SourceReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kdiag.core.model import LineFacts, Observation, Window
    from kdiag.machinery.context import Context

_EVERY_S = 1.0
_LEVEL = 6  # of compression
_GZIP = 31  # what zlib calls a gzip stream
_MOST_PLACES = 2_000  # source places looked up while it goes on
_MOST_FILES = 60  # source files kept whole


@dataclass
class RecordingWriter:
    """A recording under way.

    Attributes:
        file: is begun anew.
        reader: of the target's sources.
        problem: why it could not be written to its end; None while all is well.
    """

    file: Path
    reader: SourceReader
    clock: Clock
    problem: Limitation | None = None
    _pending: queue.SimpleQueue[Sample] = field(default_factory=queue.SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # guards all below
    _stream: IO[bytes] | None = None
    _gzip: zlib._Compress = field(default_factory=lambda: zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP))
    _stacks: Stacks = field(default_factory=Stacks)
    _places: set[tuple[str, int]] = field(default_factory=set)  # that were looked up
    _files: set[str] = field(default_factory=set)  # that were written

    def begin(self, header: Header) -> None:
        """Open the file and say whose recording it is.

        Raises:
            KdiagError: `output-unwritable`.
        """
        try:
            self._stream = self.file.open("wb")
        except OSError as error:
            raise KdiagError(
                "output-unwritable", f"Cannot write {self.file}: {error.strerror or error}.",
                hint="Name a file in a folder that you may write to.", exit_code=USAGE,
            ) from error  # fmt: skip
        with self._lock:
            self._write([header])

    def add(self, sample: Sample) -> None:
        """Take one sample; called by the sources' threads."""
        if self.problem is None:
            self._pending.put(sample)

    def run(self, ctx: Context) -> None:
        """Write each second what came, until the context is done."""
        while not ctx.done.is_set():
            self.clock.wait(ctx.done, _EVERY_S)
            with self._lock:
                self._write(self._taken())

    def finish(self, window: Window, observation: Observation) -> None:
        """Write the rest, and how it ended."""
        with self._lock:
            end = End(window.ended_at, window.ended, observation)
            self._write(chain(self._taken(), self._sources(window.lines, window.sources), [end]), last=True)
            self._close()

    def close(self) -> None:
        """Leave it as it is, without an end; more than once does no harm, nor after the end."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):  # what could not be written cannot be now
                self._stream.close()
            self._stream = None

    def _taken(self) -> Iterator[Entry]:
        """What came since the last time, with what the source says of it."""
        new_places: set[tuple[str, int]] = set()
        probed: list[ProbeSample] = []
        while not self._pending.empty():
            sample = self._pending.get()
            bare, stacks = self._stacks.taken_out(redacted(sample))
            news = self._stacks.news()
            if news is not None:
                new_places.update((frame.file, frame.line) for frame in news.frames)
                yield news
            if isinstance(sample, ProbeSample):
                new_places.update((frame.file, frame.line) for frame in sample.frames())
                probed.append(sample)
            yield ENTRY_OF[type(sample)](sample=bare, stacks=stacks)
        room = len(self._places) < _MOST_PLACES
        files = source_files(probed) if len(self._files) < _MOST_FILES else []
        yield from self._sources(
            self.reader.around(new_places - self._places if room else ()),
            self.reader.texts(file for file in files if file not in self._files),
        )

    def _sources(self, lines: Mapping[tuple[str, int], LineFacts], files: Mapping[str, str]) -> Iterator[Entry]:
        new_lines = {place: facts for place, facts in lines.items() if place not in self._places}
        new_files = {file: text for file, text in files.items() if file not in self._files}
        self._places.update(new_lines)
        self._files.update(new_files)
        if new_lines or new_files:
            yield Source(
                tuple((*place, redacted_line(facts)) for place, facts in new_lines.items()),
                {file: redact_file(text) for file, text in new_files.items()},
            )

    def _write(self, written: Iterable[Entry], *, last: bool = False) -> None:
        if self._stream is None:
            return
        try:
            data = b"".join(self._gzip.compress(encode(entry)) for entry in written)
            self._stream.write(data + self._gzip.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH))
            self._stream.flush()
        except Exception as error:  # whatever hinders it: the observation goes on
            why = error.strerror if isinstance(error, OSError) else None
            self.problem = Limitation(
                "recording-failed", f"The recording {self.file} is not whole: {why or repr(error)}.",
                "Name a file on a disk with room: --record FILE",
            )  # fmt: skip
            self._close()
