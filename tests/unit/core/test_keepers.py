"""Which container keeps what grows: its name, its line, and when it is the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core import keepers
from kdiag.core.detectors import fd_leak, memory_leak
from kdiag.core.model import Keeper, Keepers, Window
from tests.support.inside import with_probe
from tests.support.windows import found, scene

MIB = 1024 * 1024
FILE = "/srv/shop/cache.py"
SOURCE = '''\
"""A module."""
import functools

try:
    SESSIONS: dict = {}
except MemoryError:
    SESSIONS = None


class Registry:
    first = last = {}

    class Inner:
        by_name = {}


def remember(seen=[]):
    return seen


REGISTRY, OTHER = Registry(), 1
'''


def keeper(
    path: str = ".SESSIONS", root: str = "shop.cache", line: int = 0, per_s: int = 500, each: int = 10_000
) -> Keeper:
    """A dict that grows for five seconds."""
    return Keeper(root, path, FILE, line, "dict", 1, 100, 100 + 5 * per_s, 5.0, (("shop.Session", 8),), each)


def leaks(*growing: Keeper, walks: int = 2) -> Window:
    """5 MiB a second, and a probe that looked for who keeps it."""
    window = with_probe(scene(rss=lambda at: 100 * MIB + 5 * MIB * at))
    seen = Keepers(walks, 4_000, True, growing)
    return replace(
        window, probe=tuple(replace(sample, keepers=seen) for sample in window.probe), sources={FILE: SOURCE}
    )


@pytest.mark.parametrize(
    ("path", "line", "function"),
    [
        (".SESSIONS", 5, "<module>"),
        (".SESSIONS[…]", 5, "<module>"),
        (".Registry.last", 11, "Registry"),
        (".Registry.Inner.by_name", 14, "Registry.Inner"),
        (".Registry.made_later", 10, "Registry"),
        (".remember (default argument)", 17, "remember"),
        (".REGISTRY.held", 21, "<module>"),
        (".made_by_exec", 0, "<module>"),
    ],
)
def test_the_line_is_where_the_name_is_made(path: str, line: int, function: str) -> None:
    place = keepers.place(keeper(path), {FILE: SOURCE})
    assert (place.file, place.line, place.function, place.object) == (FILE, line, function, f"shop.cache{path}")
    assert keepers.place(keeper(path), {}).line == 0


def test_a_local_variable_is_at_its_function() -> None:
    place = keepers.place(keeper("", "shop.cache.serve (local recent)", 40), {FILE: SOURCE})
    assert (place.line, place.function, place.object) == (40, "cache.serve", "shop.cache.serve (local recent)")


def test_the_container_that_explains_the_growth_is_to_blame() -> None:
    finding = found(memory_leak.detect(leaks(keeper(".few", per_s=400, each=100), keeper())))
    assert finding.title == (
        "Memory grew by 50 MiB in 10.0 s (300 MiB a minute): shop.cache.SESSIONS keeps ever more shop.Session"
    )
    assert "shop.cache.SESSIONS (dict) grew from 100 to 2,600 elements in 5.0 s, 30,000 a minute" in finding.summary
    assert "about 286 MiB a minute of the growth" in finding.summary
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.object) == (5, "shop.cache.SESSIONS")
    assert finding.suspected
    assert {each.metric: each.value for each in finding.evidence}["keeper.per_minute"] == 30_000


def test_the_container_that_keeps_files_or_sockets_is_to_blame_for_descriptors() -> None:
    sockets = replace(keeper(".pool", per_s=25, each=500), types=(("socket.socket", 8),))
    others = (keeper(per_s=20), replace(keeper(".log", per_s=400), types=(("_io.FileIO", 8),)))
    window = leaks(sockets, *others)
    rising = scene(descriptors=lambda at: 20 + int(20 * at))
    finding = found(fd_leak.detect(replace(window, process=rising.process)))
    assert finding.title.endswith(": shop.cache.pool keeps ever more socket.socket")
    assert "As fast, shop.cache.pool (dict) grew from 100 to 225 elements" in finding.summary
    assert finding.culprit is not None
    unknown = found(fd_leak.detect(replace(leaks(*others), process=rising.process)))
    assert unknown.culprit is None


@pytest.mark.parametrize("growing", [(), (keeper(each=100),)])
def test_what_does_not_explain_the_growth_is_not_blamed(growing: tuple[Keeper, ...]) -> None:
    finding = found(memory_leak.detect(leaks(*growing)))
    assert finding.title.endswith(": a leak is suspected")
    assert finding.culprit is None
    assert "No container that would explain it was found among 4,000 objects." in finding.summary
    assert "No container" not in found(memory_leak.detect(leaks(walks=1))).summary
