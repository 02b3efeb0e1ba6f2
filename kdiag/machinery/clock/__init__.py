"""Time as an argument.

- `Clock` is what loops, timers and retries see of time; `REAL` is the machine's, `FakeClock` a test's.
- Times are monotonic seconds, durations are seconds; a duration of zero or less is over at once.
- `wait` is the primitive of every loop: until an event is set or time has passed, whichever is first. On the real
  clock it is one `Event.wait`.
- A stopped timer never fires: `stop` and `reset` also take back a firing that nobody has looked at yet.
- A slow reader of a ticker loses ticks, and never finds more than one waiting.
- All timers of the real clock share one thread, which exists only while a timer is pending.
"""

from .fake import FakeClock
from .protocol import Clock, Ticker, Timer
from .real import REAL, RealClock

__all__ = ["REAL", "Clock", "FakeClock", "RealClock", "Ticker", "Timer"]
