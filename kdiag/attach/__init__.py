"""The I/O edge to a process: its facts, its memory, its symbols."""
