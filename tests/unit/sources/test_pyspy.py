"""What py-spy writes, in every shape that was seen of it."""

from __future__ import annotations

import json

import pytest

from kdiag.core.model import Frame, ProfiledStack
from kdiag.sources.pyspy import parse_dump, parse_frame, parse_raw
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


def test_raw_stacks_are_turned_innermost_first() -> None:
    text = "thread (23575): MainThread;<module> (/srv/a b.py:17);A.hot (/srv/a b.py:11) 19\n"
    assert parse_raw(text, lambda _ident: 0) == (
        ProfiledStack(
            23575, "MainThread", (Frame("/srv/a b.py", 11, "A.hot"), Frame("/srv/a b.py", 17, "<module>")), 19
        ),
    )


def test_a_hexadecimal_thread_is_translated() -> None:
    (stack,) = parse_raw("thread (0x7FB4): w;f (/a.py:1) 3\n", {0x7FB4: 12}.__getitem__)
    assert stack.thread_id == 12


def test_lines_of_another_shape_are_left_out() -> None:
    assert parse_raw("\nnothing here\nthread (1): x\n", lambda _ident: 0) == ()


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("f (/srv/a.py:3)", Frame("/srv/a.py", 3, "f")),
        ("<lambda> (/srv/(odd)/a.py:3)", Frame("/srv/(odd)/a.py", 3, "<lambda>")),
        ("select (/usr/lib/libc.so.6)", Frame("/usr/lib/libc.so.6", 0, "select", native=True)),
        (
            "get_impl (/build/Modules/_queuemodule.c:222)",
            Frame("/build/Modules/_queuemodule.c", 222, "get_impl", native=True),
        ),
        ("run (<frozen runpy>:88)", Frame("<frozen runpy>", 88, "run")),
        ("bare", Frame("", 0, "bare", native=True)),
    ],
)
def test_frames(text: str, frame: Frame) -> None:
    assert parse_frame(text) == frame
