"""Recordings: what was seen of a process, written while it is seen and read as if it were seen now.

- A recording is a stream: what ends kdiag takes at most the last second with it.
- It holds what the detectors read, and nothing that a report would hide.
- Read from its start to its end it gives the window, and so the report, of the observation that wrote it.
"""

from kdiag.engine.recording.format import SCHEMA, Header
from kdiag.engine.recording.reader import Recording, read_recording
from kdiag.engine.recording.writer import RecordingWriter

__all__ = ["SCHEMA", "Header", "Recording", "RecordingWriter", "read_recording"]
