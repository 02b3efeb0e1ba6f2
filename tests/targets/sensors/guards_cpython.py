"""CPython's own tests of dict, set and OrderedDict, from the interpreter's `test` package, with guarded types instead.

A module's code is run anew with `dict` (or `set`) already meaning the guarded type, so that all that it says of the one
it says of the other. What it says of OrderedDict it says of a class attribute.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import unittest
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say

if TYPE_CHECKING:
    from types import ModuleType

BASES: dict[str, tuple[type, str]] = {
    "dict": (dict, "test.test_dict"),
    "set": (set, "test.test_set"),
    "OrderedDict": (OrderedDict, "test.test_ordered_dict"),
}


def anew(name: str, **names: object) -> ModuleType:
    """A module, run with these names in place of the built-in ones."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        say(missing=f"{name} is not installed with this interpreter")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(names)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def suite_of(base: str, guarded: type) -> unittest.TestSuite:
    """The tests of a type, asked of its guarded twin."""
    _, name = BASES[base]
    loader = unittest.defaultTestLoader
    if base != "OrderedDict":
        return loader.loadTestsFromModule(anew(name, **{base: guarded}))
    module = anew(name)
    suite = unittest.TestSuite()
    for case in ("CPythonOrderedDictTests", "CPythonGeneralMappingTests"):
        tests = getattr(module, case)
        tests.OrderedDict = tests.type2test = guarded
        suite.addTests(loader.loadTestsFromTestCase(tests))
    return suite


def main(base: str) -> None:
    guards = part("guards")
    kinds = {"dict": guards.GuardedMap, "set": guards.GuardedSet, "OrderedDict": guards.GuardedOrderedDict}
    try:
        suite = suite_of(base, kinds[base])
    except ImportError as missing:
        say(missing=str(missing))
    result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(suite)
    failed = {test.id(): said.strip().splitlines()[-1] for test, said in (*result.failures, *result.errors)}
    say(ran=result.testsRun, skipped=len(result.skipped), failed=failed)


if __name__ == "__main__":
    main(sys.argv[1])
