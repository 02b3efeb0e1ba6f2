"""Says what only the interpreter itself can know, for the tests to compare with what was read from outside.

With `subinterpreter` as argument it starts one, which collects a few times too; the counts are then of both. With
`subinterpreters` it starts and ends one after the other, forever.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from typing import Any

from tests.targets._ready import ready, stay

COUNT = """
import gc, json, os
gc.disable()
for _ in range(3):
    [].append(gc.collect())
os.write({descriptor}, json.dumps([[each["collections"], each["collected"]] for each in gc.get_stats()]).encode())
"""


if sys.version_info >= (3, 13):
    import _interpreters as interpreters  # type: ignore[import-not-found]
else:
    import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]

kept: list[object] = []


def counts_of_subinterpreter() -> Any:
    """The counts of a new interpreter, which stays."""
    reading, writing = os.pipe()
    kept.append(interpreters.create())
    interpreters.run_string(kept[0], COUNT.format(descriptor=writing))
    return json.loads(os.read(reading, 10_000))


def main() -> None:
    gc.disable()  # from here on it collects only when told to, so that the counts stand still
    gc.collect()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    gc.collect()
    gc.collect(0)
    other = counts_of_subinterpreter() if sys.argv[1:] == ["subinterpreter"] else [[0, 0]] * 3
    if not other[2][0]:
        gc.enable()
    gc.set_threshold(100_000, 7, 5)
    counts = [[each["collections"], each["collected"]] for each in gc.get_stats()]
    ready(
        version=list(sys.version_info[:3]),
        runtime=ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")),
        thresholds=gc.get_threshold(),
        enabled=gc.isenabled(),
        collections=[mine[0] + its[0] for mine, its in zip(counts, other)],
        collected=[mine[1] + its[1] for mine, its in zip(counts, other)],
    )
    while sys.argv[1:] == ["subinterpreters"]:
        other = interpreters.create()
        interpreters.run_string(other, "import gc; gc.collect()")
        interpreters.destroy(other)
    stay()


if __name__ == "__main__":
    main()
