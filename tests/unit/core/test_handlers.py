"""Who catches an exception, told from the source around the lines of its traceback."""

from __future__ import annotations

import textwrap

import pytest

from kdiag.core.handlers import catch
from kdiag.core.model import CrashFrame, CrashGroup
from tests.support.crashes import FILE, marked


def crash_at(source: str, kind: str = "AttributeError") -> tuple[CrashGroup, dict[str, str]]:
    """A crash that was raised at the line marked RAISED, in a function that was called where CALLED is."""
    text = textwrap.dedent(source)
    frames = tuple(CrashFrame(FILE, line, "f") for mark in ("RAISED", "CALLED") for line in marked(text, mark))
    group = CrashGroup(1, kind, "", "nil", 1, 0, 1.0, 1.0, {}, (), (), frames)
    return group, {FILE: text}


@pytest.mark.parametrize(
    ("source", "line", "by_name", "silent"),
    [
        pytest.param("""
            def work():
                try:
                    raise_it()  # RAISED
                except Exception:
                    pass
            """, 5, False, True, id="all kinds, in silence"),
        pytest.param("""
            def work():
                try:
                    raise_it()  # RAISED
                except:
                    log()
            """, 5, False, False, id="bare"),
        pytest.param("""
            def work():
                try:
                    raise_it()  # RAISED
                except KeyError:
                    pass
                except (ValueError, AttributeError):
                    pass
            """, 7, True, True, id="by its name, among others"),
        pytest.param("""
            def work():
                try:
                    with lock:
                        raise_it()  # RAISED
                except AttributeError:
                    raise
            def main():
                for each in jobs:
                    try:
                        work()  # CALLED
                    except Exception:
                        continue
            """, 12, False, True, id="by the caller, after it was raised again"),
        pytest.param("""
            def work():
                with contextlib.suppress(AttributeError):
                    raise_it()  # RAISED
            """, 3, True, True, id="suppressed"),
        pytest.param("""
            def main():
                try:
                    work()  # CALLED
                except Exception:
                    log()
            def work():
                try:
                    other()
                except Exception:
                    raise_it()  # RAISED
            """, 5, False, False, id="raised in a handler"),
    ],
)  # fmt: skip
def test_who_catches_it(source: str, line: int, by_name: bool, silent: bool) -> None:
    group, sources = crash_at(source)
    found = catch(group, sources)
    assert found is not None
    assert (found.place.line, found.by_name, found.silent) == (line, by_name, silent)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        pytest.param("def work():\n    raise_it()  # RAISED\n", "AttributeError", id="nobody"),
        pytest.param(
            "def work():\n  try:\n    raise_it()  # RAISED\n  except KeyError:\n    pass\n",
            "AttributeError",
            id="another kind",
        ),
        pytest.param(
            "def work():\n  try:\n    pass\n  except Exception:\n    raise_it()  # RAISED\n",
            "KeyError",
            id="in the handler",
        ),
        pytest.param("def work(:\n  # RAISED\n", "KeyError", id="a source that cannot be parsed"),
    ],
)
def test_nobody_catches_it(source: str, kind: str) -> None:
    assert catch(*crash_at(source, kind)) is None


def test_a_base_of_its_own_is_as_good_as_its_name() -> None:
    source = "def work():\n  try:\n    raise_it()  # RAISED\n  except LookupError:\n    pass\n"
    found = catch(*crash_at(source, "KeyError"))
    assert found is not None
    assert found.by_name
    assert catch(*crash_at(source, "shop.errors.SoldOut")) is None
