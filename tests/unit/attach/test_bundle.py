"""What is sent into a target: a text that is short and leaves no name, and all sources that it needs."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import marshal
import os
from typing import Any

import pytest

from kdiag.attach import bundle
from kdiag.probe import wire

LONGEST_TEXT = 2_000  # what fits beside the code that runs it
LARGEST_PID = 1 << 22


def run(text: bytes, names: dict[str, Any]) -> str:
    """Run a text in a module's place; what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        exec(text.decode(), names)  # noqa: S102 - as the target does
    return out.getvalue()


def test_the_text_is_short_and_can_be_a_c_string() -> None:
    text = bundle.boot_text(LARGEST_PID)
    assert len(text) < LONGEST_TEXT
    assert b"\0" not in text
    assert text.isascii()
    assert "parents" not in text.decode()  # names are shortened
    ast.parse(text)


@pytest.mark.parametrize("name", ["__import__", "exec", "os", "_thread", "OSError", "range", "start", "__builtins__"])
def test_names_of_the_service_do_no_harm_and_none_is_left(name: str) -> None:
    calls: list[object] = []
    names = {"__name__": "__main__", "__builtins__": builtins, name: lambda *arguments: calls.append(arguments)}
    before = dict(names)
    text = bundle.boot_text(os.getpid(), parents=(), wait_s=0.01)
    assert run(text, names) == ""
    assert names == before


def test_a_child_that_was_forked_meanwhile_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr("_thread.start_new_thread", lambda *arguments: started.append(arguments))
    assert run(bundle.boot_text(os.getppid()), {}) == ""
    assert started == []
    assert run(bundle.boot_text(os.getpid()), {}) == ""
    assert len(started) == 1


def test_it_says_nothing_when_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    assert run(bundle.boot_text(os.getpid()), {}) == ""


def test_the_bundle_holds_what_the_probe_needs() -> None:
    data = bundle.bundle(lease_s=3.0)
    (body,) = wire.Decoder(wire.MAX_BUNDLE_BYTES).feed(data)
    loader, sources, options = marshal.loads(body)  # noqa: S302 - our own
    assert options["lease_s"] == 3.0
    space: dict[str, Any] = {}
    exec(loader, space)  # noqa: S102 - our own
    assert space["load"].__code__.co_filename == "<kdiag>/probe/loading.py"
    assert {"probe.", "machinery.", "probe.sensors.", "probe.sensors.gc"} <= set(sources)
    assert not any(name.startswith(("attach", "core", "cli")) for name in sources)
    for name, source in sources.items():
        compile(source, name, "exec")


def test_parts_of_packages_are_found_by_their_names() -> None:
    _, _, options = marshal.loads(bundle.bundle()[wire.HEADER_BYTES :])  # noqa: S302 - our own
    assert options["homes"]["machinery.wait"]["jitter_until"] == "loops"
    assert options["homes"]["machinery.clock"]["REAL"] == "real"
    assert "jitter" not in options["homes"]["machinery.wait"]  # the part has that name


def test_what_travels_takes_from_packages_only_what_is_found_there() -> None:
    sources, packages = bundle._sources(), bundle._homes()
    taken = set()
    for module, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.level and package_of(module, node) in packages:
                taken |= {(package_of(module, node), alias.name) for alias in node.names}
    assert ("machinery.clock", "REAL") in taken
    for package, name in taken:
        assert name in packages[package] or f"{package}.{name}" in sources
        assert name not in {"jitter", "poll"}, "inside a target this is the part of that name, not what is in it"


def package_of(module: str, node: ast.ImportFrom) -> str:
    """What a relative import names."""
    above = module.split(".")[: -node.level]  # a package's name ends in a dot: its last piece is empty
    return ".".join([*above, *([node.module] if node.module else [])])
