"""What a source file says about its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kdiag.sources.source_lines import SourceFile, SourceReader

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
import re
class Shop:
    @traced(name="ship")
    def ship(self, order):
        with self.stock:
            checked = re.match(PATTERN,
                               order.text)
            with ledger, self.cache.rlock():
                commit()
        self.stock.acquire()
        async def later():
            async with self.gate:
                await order.send()
        return [price(item) for item in order]
with shared:
    callback = lambda: run(shared)
"""


@pytest.fixture(scope="module")
def source() -> SourceFile:
    return SourceFile(SOURCE)


@pytest.mark.parametrize(
    ("line", "acquires"),
    [
        (5, ("self.stock",)),
        (6, ()),
        (8, ("ledger", "self.cache")),
        (9, ()),
        (10, ("self.stock",)),
        (12, ("self.gate",)),
    ],
)
def test_what_a_line_acquires(source: SourceFile, line: int, acquires: tuple[str, ...]) -> None:
    facts = source.facts(line)
    assert facts is not None
    assert facts.acquires == acquires


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        (5, ()),
        (7, (("self.stock", 5),)),
        (9, (("self.stock", 5), ("ledger", 8), ("self.cache", 8))),
        (10, ()),
        (13, (("self.gate", 12),)),  # the coroutine does not hold what its maker holds
    ],
)
def test_which_blocks_a_line_lies_in(source: SourceFile, line: int, holds: tuple[tuple[str, int], ...]) -> None:
    facts = source.facts(line)
    assert facts is not None
    assert facts.holds == holds


@pytest.mark.parametrize(
    ("line", "qualname"),
    [(1, "<module>"), (3, "Shop.ship"), (9, "Shop.ship"), (13, "Shop.ship.<locals>.later"), (15, "<module>")],
)
def test_qualified_names(source: SourceFile, line: int, qualname: str) -> None:
    facts = source.facts(line)
    assert facts is not None
    assert facts.qualname == qualname


@pytest.mark.parametrize(("line", "call"), [(6, "re.match"), (7, "re.match"), (14, "price"), (1, "")])
def test_the_call_of_a_line(source: SourceFile, line: int, call: str) -> None:
    facts = source.facts(line)
    assert facts is not None
    assert facts.call == call


@pytest.mark.parametrize("line", [0, -1, 17, 10_000])
def test_a_line_that_is_not_there(source: SourceFile, line: int) -> None:
    assert source.facts(line) is None


def test_another_syntax_still_gives_the_text() -> None:
    facts = SourceFile("print 'old'\n").facts(1)
    assert facts is not None
    assert (facts.text, facts.acquires) == ("print 'old'", ())


def test_files_are_read_below_the_targets_root(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "a.py").write_text("with lock:\n    pass\n")
    (tmp_path / "srv" / "latin.py").write_bytes(b"# coding: latin-1\nname = '\xe4'\n")
    (tmp_path / "srv" / "broken.py").write_bytes(b"\xff\xfe\x00")
    places = [("/srv/a.py", 1), ("/srv/latin.py", 2), ("/srv/broken.py", 1), ("/srv/none.py", 1), ("<string>", 1)]
    known = SourceReader(str(tmp_path)).facts(places)
    assert set(known) == {("/srv/a.py", 1), ("/srv/latin.py", 2)}
    assert known["/srv/latin.py", 2].text == "name = 'ä'"


def test_files_are_read_elsewhere_only_when_the_targets_root_is_gone(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for root in theirs, ours:
        root.mkdir()
        (root / "a.py").write_text(f"name = {root.name!r}\n")
    assert SourceReader(str(theirs), str(ours)).texts(["/a.py"]) == {"/a.py": "name = 'theirs'\n"}
    assert SourceReader(str(theirs), str(ours)).texts(["/b.py"]) == {}
    assert SourceReader(str(tmp_path / "gone"), str(ours)).texts(["/a.py"]) == {"/a.py": "name = 'ours'\n"}
    assert SourceReader(str(tmp_path / "gone")).texts(["/a.py"]) == {}


@pytest.mark.parametrize(
    ("line", "creates"),
    [
        ("rows.append([order, []])", True),
        ("return {name: 1 for name in names}", True),
        ("order = shop.Order(number)", True),
        ("copy = list(rows)", True),
        ("return sum(range(effort))", False),
        ("total += price", False),
        ("node = find(name)", False),
    ],
)
def test_whether_a_line_creates_containers(line: str, creates: bool) -> None:
    facts = SourceFile(f"def f():\n    {line}\n").facts(2)
    assert facts is not None
    assert facts.creates == creates
