# What `import kdiag` offers, for type checkers; at run time each name is fetched when it is first asked for. A file of
# its own, since who only asks for the version must not seem to import all of it (see the import contracts).

from kdiag.machinery.runtime import handle_crash as handle_crash
from kdiag.machinery.runtime import handle_error as handle_error
from kdiag.machinery.runtime import panic_handlers as panic_handlers
from kdiag.machinery.runtime import recover_from_panic as recover_from_panic
from kdiag.machinery.sync import RWMutex as RWMutex
from kdiag.machinery.sync import SyncMap as SyncMap
from kdiag.probe.guards import GuardedMap as GuardedMap
from kdiag.probe.guards import GuardedOrderedDict as GuardedOrderedDict
from kdiag.probe.guards import GuardedSet as GuardedSet
from kdiag.probe.guards import guard as guard
from kdiag.probe.guards import guarded as guarded
from kdiag.service import install as install
from kdiag.service import uninstall as uninstall

__version__: str
really_crash: bool

__all__ = [
    "GuardedMap",
    "GuardedOrderedDict",
    "GuardedSet",
    "RWMutex",
    "SyncMap",
    "__version__",
    "guard",
    "guarded",
    "handle_crash",
    "handle_error",
    "install",
    "panic_handlers",
    "really_crash",
    "recover_from_panic",
    "uninstall",
]
