"""What was None and where it came from: told of code that is really run, with and without columns and sources."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.model import ClassPlace, CrashFrame, CrashGroup, NilUsed
from kdiag.core.nil import Nil, explain
from tests.support.crashes import FILE, crash, marked, without_columns

LISTER = """
class Node:
    name = "a"
class Lister:
    def get(self, name):
        return {"a": Node()}.get(name)
lister = Lister()
"""


def told(group: CrashGroup, sources: dict[str, str]) -> Nil:
    nil = explain(group, sources)
    assert nil is not None
    return nil


def case(what: str, access: str, name: str, kind: str, source: str) -> object:
    return pytest.param(access, name, kind, source, id=what)


CASES = [
    case("an assignment", "node.name", "node", "call", LISTER + """
def main():
    node = lister.get("b")  # ORIGIN
    return node.name
"""),
    case("the last of two assignments", "node.name", "node", "call", LISTER + """
def main():
    node = lister.get("a")
    node = lister.get("b")  # ORIGIN
    return node.name
"""),
    case("after a test for None that was left", "node.name", "node", "call", LISTER + """
def main():
    node = lister.get("b")
    if node is None:
        node = lister.get("c")  # ORIGIN
    return node.name
"""),
    case("one of two on a line", "b.name", "b", "call", LISTER + """
def main():
    a = lister.get("a")
    b = lister.get("b")  # ORIGIN
    return a.name + b.name
"""),
    case("a method of it", "node.run", "node", "call", LISTER + """
def main():
    node = lister.get("b")  # ORIGIN
    return (
        node
        .run(1)
    )
"""),
    case("a call that is used at once", "lister.get('b').name", "lister.get('b')", "call", LISTER + """
def main():
    return lister.get("b").name  # ORIGIN
"""),
    case("an argument", "node.name", "node", "call", LISTER + """
def place(pod, node):
    return node.name
def main():
    return place("p", lister.get("b"))  # ORIGIN
"""),
    case("an argument by keyword through two functions", "node.name", "node", "call", LISTER + """
def place(pod, *, node):
    return node.name
def schedule(pod, chosen):
    return place(pod, node=chosen)
def main():
    found = lister.get("b")  # ORIGIN
    return schedule("p", found)
"""),
    case("an argument of a method", "node.name", "node", "call", LISTER + """
class Scheduler:
    def __init__(self, node):
        self.title = node.name
def main():
    found = lister.get("b")  # ORIGIN
    return Scheduler(found)
"""),
    case("through a decorator", "node.name", "node", "call", LISTER + """
import functools
def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper
class Scheduler:
    @timed
    def place(self, pod, node):
        return node.name
def main():
    found = lister.get("b")  # ORIGIN
    return Scheduler().place("p", found)
"""),
    case("a default argument", "node.name", "node", "default", LISTER + """
def place(pod, node=None):  # ORIGIN
    return node.name
def main():
    return place("p")
"""),
    case("an attribute", "self.node.name", "self.node", "attribute", LISTER + """
class Scheduler:
    def __init__(self):
        self.node = None  # ORIGIN
        self.pod = "p"
    def place(self):
        return self.node.name
def main():
    return Scheduler().place()
"""),
    case("an attribute that a call sets", "self.node.name", "self.node", "attribute", LISTER + """
class Scheduler:
    def choose(self):
        self.node = lister.get("b")  # ORIGIN
    def place(self):
        return self.node.name
def main():
    scheduler = Scheduler()
    scheduler.choose()
    return scheduler.place()
"""),
    case("a missing return", "node.name", "node", "call", LISTER + """
def choose(name):  # RETURNS
    if name == "a":
        return Node()
def main():
    node = choose("b")  # ORIGIN
    return node.name
"""),
    case("a bare return", "node.name", "node", "call", LISTER + """
class Scheduler:
    def choose(self, name):
        if name != "a":
            return  # RETURNS
        return Node()
    def place(self):
        node = self.choose("b")  # ORIGIN
        return node.name
def main():
    return Scheduler().place()
"""),
    case("a loop's variable", "node.name", "node", "element", LISTER + """
def main():
    nodes = [Node(), None]
    for node in nodes:  # ORIGIN
        node.name
"""),
    case("a comprehension's variable", "node.name", "node", "element", LISTER + """
def main():
    nodes = [Node(), None]
    return [
        node.name
        for node in nodes  # ORIGIN
    ]
"""),
    case("a walrus", "node.name", "node", "call", LISTER + """
def main():
    if (node := lister.get("b")) or True:  # ORIGIN
        return node.name
"""),
    case("a global", "CURRENT.name", "CURRENT", "global", LISTER + """
CURRENT = None  # ORIGIN
def main():
    return CURRENT.name
"""),
    case("a global that a function sets", "CURRENT.name", "CURRENT", "call", LISTER + """
CURRENT = Node()
def choose():
    global CURRENT
    CURRENT = lister.get("b")  # ORIGIN
def main():
    choose()
    return CURRENT.name
"""),
    case("a closure's variable", "node.name", "node", "call", LISTER + """
def main():
    node = lister.get("b")  # ORIGIN
    def inner():
        return node.name
    return inner()
"""),
    case("an element", "nodes['b'].name", "nodes['b']", "element", LISTER + """
def main():
    nodes = {"b": None}
    return nodes["b"].name  # ORIGIN
"""),
    case("a subscript", "row[0]", "row", "call", """
def fetch():  # RETURNS
    pass
def main():
    row = fetch()  # ORIGIN
    return row[0]
"""),
    case("a call", "handler(1)", "handler", "call", """
def main():
    handler = {}.get("x")  # ORIGIN
    return handler(1)
"""),
    case("a loop over it", "for row in rows", "rows", "call", """
def main():
    rows = {}.get("x")  # ORIGIN
    for row in rows:
        print(row)
"""),
    case("the right side of a sum", "total + price", "price", "call", """
def main():
    total = 3
    price = {}.get("x")  # ORIGIN
    return total + price
"""),
    case("the left side of a comparison", "limit < used", "limit", "call", """
def main():
    used = 3
    limit = {}.get("x")  # ORIGIN
    return limit < used
"""),
    case("an addition in place", "total += 3", "total", "call", """
def main():
    total = {}.get("x")  # ORIGIN
    total += 3
"""),
    case("a with", "with lock", "lock", "call", """
def main():
    lock = {}.get("x")  # ORIGIN
    with lock:
        pass
"""),
    case("an await", "await job", "job", "call", """
async def main():
    job = {}.get("x")  # ORIGIN
    await job
"""),
    case("through awaits", "node.name", "node", "call", LISTER + """
async def place(node):
    return node.name
async def main():
    found = lister.get("b")  # ORIGIN
    return await place(found)
"""),
    case("an awaited call", "node.name", "node", "call", LISTER + """
async def choose(name):  # RETURNS
    pass
async def main():
    node = await choose("b")  # ORIGIN
    return node.name
"""),
    case("unpacked", "(a, b)", "pair", "call", """
def main():
    pair = {}.get("x")  # ORIGIN
    a, b = pair
"""),
    case("an argument of a built-in", "len(rows)", "rows", "call", """
def main():
    rows = {}.get("x")  # ORIGIN
    return len(rows)
"""),
    case("what a library refuses", "json.loads(text)", "text", "call", """
import json
def main():
    text = {}.get("x")  # ORIGIN
    return json.loads(text)
"""),
]  # fmt: skip


@pytest.mark.parametrize("columns", [True, False], ids=["columns", "lines"])
@pytest.mark.parametrize(("access", "name", "kind", "source"), CASES)
def test_expression_name_and_origin(access: str, name: str, kind: str, source: str, columns: bool) -> None:
    group, sources = crash(source)
    nil = told(group if columns else without_columns(group), sources)
    assert nil.name == name
    if columns:
        assert nil.access == access
    assert nil.sure in {"certain", "likely"}
    assert [origin.place.line for origin in nil.origins] == marked(source, "ORIGIN"), nil.origins
    assert {origin.kind for origin in nil.origins} == {kind}
    returns = [each.place.line for origin in nil.origins for each in origin.function_returns]
    assert [line for line in marked(source, "RETURNS") if line not in returns] == []


OPEN = (
    LISTER
    + """
def main(hurry=True):
    if hurry:
        node = lister.get("b")  # ORIGIN
    else:
        node = lister.get("c")  # ORIGIN
    return node.name
"""
)


def test_several_ways_are_said_to_be_several() -> None:
    nil = told(*crash(OPEN))
    assert [origin.place.line for origin in nil.origins] == marked(OPEN, "ORIGIN")


def test_an_attribute_that_is_set_at_several_places() -> None:
    source = (
        LISTER
        + """
class Scheduler:
    def __init__(self, node=None):
        self.node = node  # ORIGIN
    def choose(self):
        self.node = lister.get("b")  # ORIGIN
    def forget(self):
        self.node = Node()
    def place(self):
        return self.node.name
def main():
    return Scheduler().place()
"""
    )
    assert [origin.place.line for origin in told(*crash(source)).origins] == marked(source, "ORIGIN")


def test_two_that_may_have_been_it_on_one_line_without_columns() -> None:
    source = """
class Pair:
    a = b = None
pair, other = Pair(), Pair()
def main():
    return pair.a.name + other.b.name
"""
    group, sources = crash(source)
    nil = told(without_columns(group), sources)
    assert (nil.name, nil.sure) == ("pair.a or other.b", "open")
    used = NilUsed(("pair", "a"), "attribute", "name", owner=ClassPlace("cache.Pair", FILE, 2))
    nil = told(replace(without_columns(group), used=used), sources)
    assert (nil.name, nil.sure) == ("pair.a", "certain")
    assert [origin.place.line for origin in nil.origins] == [3]


def test_without_source_the_bytecode_is_believed() -> None:
    group, _ = crash(LISTER + """
def place(node):
    return node.name
def main():
    return place(None)
""")  # fmt: skip
    nil = told(replace(group, used=NilUsed(("node",), "attribute", "name", argument=True)), {})
    assert (nil.name, nil.access, nil.sure) == ("node", "node.name", "likely")
    assert [(each.kind, each.place.function, each.phrase) for each in nil.origins] == [
        ("argument", "main", "was given to place as an argument")
    ]
    nil = told(replace(group, used=NilUsed(("node",), "subscript", stored_at=3)), {})
    assert (nil.access, [each.place.line for each in nil.origins]) == ("node[…]", [3])
    owned = NilUsed(("self", "node"), "attribute", "name", owner=ClassPlace("shop.Cache", "/srv/x.py", 9))
    nil = told(replace(group, used=owned), {})
    assert [(each.kind, each.place.file, each.place.line) for each in nil.origins] == [("attribute", "/srv/x.py", 9)]


def test_without_source_and_bytecode_the_variables_that_were_none_are_told() -> None:
    frame = CrashFrame("/srv/x.pyc", 7, "f", none=("node",))
    group = replace(crash(OPEN)[0], frames=(frame,))
    assert (told(group, {}).name, told(group, {}).sure) == ("node", "likely")
    several = replace(group, frames=(replace(frame, none=("a", "b")),))
    assert (told(several, {}).name, told(several, {}).sure) == ("a or b", "open")
    assert explain(replace(group, frames=()), {}) is None


def test_a_source_that_was_changed_since_is_not_believed_blindly() -> None:
    group, sources = crash(OPEN)
    other = {FILE: "# a comment more\n" + sources[FILE]}
    nil = told(replace(group, used=NilUsed(("node",), "attribute", "name", stored_at=11)), other)
    assert (nil.name, nil.access) == ("node", "node.name")
    assert explain(group, {FILE: "def main(:"}) is not None


def test_an_argument_that_a_thread_was_given_is_where_it_is_given() -> None:
    source = (
        LISTER
        + """
import concurrent.futures
def place(node):
    return node.name
def main():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(place, None).result()
"""
    )
    nil = told(*crash(source))
    (origin,) = nil.origins
    assert (nil.name, origin.kind, origin.phrase) == ("node", "argument", "was given to place as an argument")
