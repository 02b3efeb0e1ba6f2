"""Property tests prove what holds, not how fast: no example of theirs may fail for being slow on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("kdiag", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kdiag")
