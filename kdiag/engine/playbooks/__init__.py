"""Playbooks at work: their files, their conditions, their runs on a live session, on a recording, or on test series."""
