"""kdiag: attach to a running Python service by PID and learn what is wrong, where, and what to do.

For service authors: `kdiag.install()` and `kdiag.uninstall()`. `import kdiag` by itself imports nothing else.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kdiag.service import install, uninstall

__version__ = "0.1.0"
__all__ = ["__version__", "install", "uninstall"]


def __getattr__(name: str) -> object:
    """Fetch a function of the public interface when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - `import kdiag` imports nothing

    return getattr(import_module("kdiag.service"), name)
