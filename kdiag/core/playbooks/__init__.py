"""Playbooks: what they are, which step comes next, what is wrong with them, and the story that they tell.

Pure: files are read, conditions computed and processes observed by the engine (`kdiag.engine.playbooks`).
"""
