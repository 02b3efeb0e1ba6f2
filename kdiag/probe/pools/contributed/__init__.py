"""Where the adapters of others are when a probe travels: it takes this module's place then, and names them."""

from __future__ import annotations

# By the module of an adapter in here: the module of the library that its frames are of.
CONTRIBUTED: dict[str, str] = {}
