"""What is sent into a target: the text that is run first, and the bundle of sources that it then asks for.

It is separate from the channel because it only reads files: nothing here is about a process.
"""

from __future__ import annotations

import ast
import builtins
import functools
import itertools
import marshal
import re
import string
from pathlib import Path

from kdiag import __version__
from kdiag.attach.contributed import adapters
from kdiag.attach.lazy_packages import homes
from kdiag.probe import wire

PACKAGE = Path(wire.__file__).parents[1]
PARENTS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - where a door may be; it is a folder of mode 0700
WAIT_FOR_HOST_S = 10.0
LEASE_S = 10.0
MARSHAL_VERSION = 2  # every Python 3 reads it
LOADER = "probe.loading"
ADAPTERS = "probe.pools.contributed"


def boot_text(pid: int, parents: tuple[str, ...] = PARENTS, wait_s: float = WAIT_FOR_HOST_S) -> bytes:
    """The text to run in the target's `__main__`: it leaves no name there, raises nothing and prints nothing.

    Args:
        pid: the target's, as the target sees it; in any other process, a child of its, the text does nothing.
        parents: folders, as the target sees them, of which the first usable one gets the door.
        wait_s: how long the target waits for a host before it removes all again.
    """
    source = f"{_stage_0()}\nstart({parents!r},{int(wait_s * 1e6)},{pid})"
    # `exec` and even `print` may be other things in a service's __main__; what is not is swallowed with the rest.
    return f"try:__import__('builtins').exec({source!r},{{}})\nexcept:pass\n".encode("ascii")


def bundle(lease_s: float = LEASE_S) -> bytes:
    """What the door's first guest sends: (loader, {module: source}, options), with its length before it."""
    sources = {**_sources(), **_contributed()}
    options = {"kdiag": __version__, "lease_s": lease_s, "homes": _homes()}
    # What it allocates is ours like all the rest, and is known by the name of its file; stage 0 has no room to say so.
    loader = f"exec(compile({sources[LOADER]!r}, '<kdiag>/probe/loading.py', 'exec'))"
    return wire.frame(marshal.dumps((loader, sources, options), MARSHAL_VERSION), wire.MAX_BUNDLE_BYTES)


@functools.cache
def _sources() -> dict[str, bytes]:
    """The source of every module that travels, by its name below the package; a package's name ends in a dot."""
    found = {}
    for part in ("probe", "machinery"):
        for path in sorted((PACKAGE / part).rglob("*.py")):
            found[_name(path.relative_to(PACKAGE))] = path.read_bytes()
    return found


@functools.cache
def _contributed() -> dict[str, bytes]:
    """The adapters of others, and the module that names them."""
    found = {each.name: each for each in adapters() if each.source is not None}
    libraries = {name: each.library for name, each in found.items()}
    sources = {f"{ADAPTERS}.{name}": each.source or b"" for name, each in found.items()}
    return {**sources, f"{ADAPTERS}.": f"CONTRIBUTED = {libraries!r}\n".encode()}


@functools.cache
def _homes() -> dict[str, dict[str, str]]:
    """For each package of machinery what `lazy_packages` says."""
    packages = {name: source for name, source in _sources().items() if name.startswith("machinery.")}
    return {name[:-1]: homes(source) for name, source in packages.items() if name.endswith(".")}


def _name(path: Path) -> str:
    name = ".".join(path.with_suffix("").parts)
    return name.removesuffix("__init__")


@functools.cache
def _stage_0() -> str:
    """The source of `probe.boot`, as short as it gets: it has to fit into what padding a program has."""
    tree = ast.parse((PACKAGE / "probe" / "boot.py").read_bytes())
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.FunctionDef)]
    tree = _Bare().visit(tree)
    tree = _ShortNames(tree).visit(tree)
    lines = ast.unparse(tree).splitlines()
    return "\n".join(_short(line) for line in lines if line.strip())


def _short(line: str) -> str:
    """A line with as little space as it needs; no text in it has any around these signs."""
    code = line.lstrip()
    return " " * ((len(line) - len(code)) // 4) + re.sub(r" ?(<<|\*\*|[=,:+<|]) ?", r"\1", code)


class _Bare(ast.NodeTransformer):
    """Takes out docstrings, annotations, and what a function returns at its end without being told."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        if ast.get_docstring(node) is not None:
            del node.body[0]
        if ast.unparse(node.body[-1]) == "return None":
            del node.body[-1]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.copy_location(ast.Assign([node.target], node.value or ast.Constant(None)), node)


class _ShortNames(ast.NodeTransformer):
    """Gives every name that the text makes itself a letter; `start`, attributes and built-in names stay."""

    def __init__(self, tree: ast.AST) -> None:
        made = dict.fromkeys(
            itertools.chain(
                (node.id for node in ast.walk(tree) if isinstance(node, ast.Name)),
                (node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)),
            )
        )
        own = [name for name in made if not hasattr(builtins, name) and name != "start"]
        self._short = dict(zip(own, string.ascii_letters, strict=False))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._short.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._short[node.arg]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self._short.get(node.name, node.name)
        return node

    def visit_alias(self, node: ast.alias) -> ast.AST:
        node.asname = self._short[node.name]
        return node
