"""What py-spy writes, in every shape that was seen of it."""

from __future__ import annotations

import json

import pytest

from kdiag.core.model import Frame, ProfiledStack
from kdiag.sources.pyspy import parse_dump, parse_profile
from kdiag.sources.tools import SourceError


def _thread(**fields: object) -> dict[str, object]:
    frame = {"name": "A.work", "filename": "/srv/a.py", "module": None, "short_filename": "a.py", "line": 5,
             "locals": None, "is_entry": True, "is_shim_entry": False}  # fmt: skip
    return {"pid": 1, "thread_id": 139845938702016, "thread_name": "w2", "os_thread_id": 77, "active": False,
            "owns_gil": False, "frames": [frame], "process_info": None} | fields  # fmt: skip


def test_a_dump_becomes_threads() -> None:
    (thread,) = parse_dump(json.dumps([_thread(owns_gil=True)]).encode(), lambda _ident: 0)
    assert (thread.thread_id, thread.ident, thread.name, thread.holds_gil) == (77, 139845938702016, "w2", True)
    assert thread.frames == (Frame("/srv/a.py", 5, "A.work"),)


def test_before_3_11_the_kernel_id_is_asked_for() -> None:
    (thread,) = parse_dump(json.dumps([_thread(os_thread_id=None)]).encode(), {139845938702016: 4242}.__getitem__)
    assert thread.thread_id == 4242


def test_a_thread_without_a_name_gets_one() -> None:
    (thread,) = parse_dump(json.dumps([_thread(thread_name=None)]).encode(), lambda _ident: 0)
    assert thread.name.startswith("Thread-")


@pytest.mark.parametrize("text", [b"", b"[", b"{}", b'[{"pid": 1}]', b"Error: no"])
def test_garbage_is_a_source_error(text: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        parse_dump(text, lambda _ident: 0)
    assert caught.value.reference == "py-spy-garbled"


def test_a_profile_keeps_kernel_ids_and_translates_idents() -> None:
    text = "thread (23575): MainThread;<module> (/srv/a.py:17) 19\nthread (0x7FB4165E6B80): w;f (/srv/a.py:1) 3\n"
    assert parse_profile(text, {0x7FB4165E6B80: 12}.__getitem__) == (
        ProfiledStack(23575, "MainThread", (Frame("/srv/a.py", 17, "<module>"),), 19),
        ProfiledStack(12, "w", (Frame("/srv/a.py", 1, "f"),), 3),
    )
