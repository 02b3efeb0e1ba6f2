"""kdiag: attach to a running Python service by PID and learn what is wrong, where, and what to do."""

__version__ = "0.1.0"
