"""Which names a package takes from which of its parts, so that a target loads only the parts that are used.

It is separate from the bundle because it is about one thing: machinery's packages import all their parts for the
convenience of who imports them, and compiling those takes the interpreter away from the service for tens of
milliseconds. Inside a target `kdiag.probe.loading` imports a part when one of its names is first asked for.

A name that is also a part's own (`jitter` in `jitter`) would be found as that part once that is loaded, so it is not
among them: what travels imports it from the part.
"""

from __future__ import annotations

import ast


def homes(source: bytes) -> dict[str, str]:
    """The names that a package's source takes from its own parts, and the part of each."""
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom) and node.level == 1]
    parts = {node.module for node in imports}
    return {
        alias.name: node.module for node in imports for alias in node.names if node.module and alias.name not in parts
    }
