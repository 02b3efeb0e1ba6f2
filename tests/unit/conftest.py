"""Property tests prove what holds, not how fast: no example of theirs may fail for being slow on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The same examples each time: what fails, fails again. For others: pytest tests/unit --hypothesis-profile search
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("kdiag", settings.get_profile("search"), derandomize=True)
settings.load_profile("kdiag")
