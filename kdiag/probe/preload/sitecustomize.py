"""What `kdiag run` has every Python process of a service import first: it opens the door, and is gone.

Python imports the first `sitecustomize` that it finds. This one lets the door's keeper in under a private name, takes
its own folder off the path, and gives way to the service's own `sitecustomize`; where there is none it says so to
Python, which then goes on as if nothing had been here.

It may be found by any Python that the service starts, so it must be understood by all of them: nothing newer than
Python 2.7 in here, and nothing that could print.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_DOOR = "_kdiag_door"


def _open_door(package):  # type: (str) -> None
    """Load the keeper without making anything else of kdiag importable."""
    door = type(sys)(_DOOR)
    door.__path__ = [package]
    sys.modules[_DOOR] = door
    __import__(_DOOR + ".probe.preloaded")
    sys.modules[_DOOR + ".probe.preloaded"].install()


def _give_way():  # type: () -> None
    """Let the service's own `sitecustomize` be found, and be what `sitecustomize` stands for.

    Raises:
        ImportError: there is none; Python takes that as such.
    """
    sys.path[:] = [path for path in sys.path if path != _HERE]
    sys.path_importer_cache.pop(_HERE, None)
    sys.modules.pop("sitecustomize", None)
    __import__("sitecustomize")


if sys.version_info >= (3, 9) and sys.implementation.name == "cpython" and sys.platform == "linux":
    try:
        _open_door(os.path.dirname(os.path.dirname(_HERE)))
    except Exception:  # noqa: S110 - the service starts as it would have without us
        pass
_give_way()
