"""The report as a ticket shows it."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import Evidence, Frame, LineFacts, Place, Report, StackGroup
from kdiag.core.report import markdown

from . import samples


def read(report: Report) -> str:
    return "\n".join(markdown.render(report))


def test_headline_evidence_and_commands() -> None:
    shown = read(samples.one_finding())
    assert shown.startswith("""\
## critical: 61 % of the time goes to the garbage collector

**pid 4711 (python -m app --port 8000), Python 3.11.7, started 2026-03-01T02:59:12+00:00**

### F1 61 % of the time goes to the garbage collector

`gc-pressure`, critical, confidence 99 %.
The collector ran in 5,978 of 9,800 looks; full collections take up to 210 ms each.

**Where:** `/srv/app/churn.py:7` in `Churner.churn`, thread `churner`

```python
self.children.append(Node(self))
```

| metric | value | threshold | 95 % between | samples | source |
| --- | --- | --- | --- | --- | --- |
| `gc.share` | 61 % | 10 % | 55 to 67 % | 9,800 | `memory` |
| `gc.pause_max` | 210 ms | 100 ms |  | 9,800 | `memory` |
| `gc.collections.full` | 4.2/s |  |  | 2 | `memory` |

**What to do**

1. **Find the code that creates the objects, and make it create fewer.** Begin at""")
    assert (
        """
   ```sh
   kdiag gc 4711
   ```
"""
        in shown
    )


def test_stacks_are_folded_away_at_the_end() -> None:
    assert read(samples.one_finding()).endswith("""\
<details><summary>Stacks of 4 threads</summary>

```
1 thread: churner [running, holds the GIL]
  /srv/app/churn.py:7  Churner.churn
      self.children.append(Node(self))
  /srv/app/churn.py:3  main

3 threads: pool_0, pool_1, pool_2 [waiting for a lock]
  /usr/lib/python3.11/threading.py:320  wait
```

</details>
""")


def test_children_come_worst_first_below_a_table() -> None:
    shown = read(samples.children())
    assert (
        """\
| PID | verdict | severity |
| --- | --- | --- |
| 4713 | `gc-pressure` | critical |
| 4711 | `healthy` |  |
| 4712 | `healthy` |  |

**pid 4713 (gunicorn: worker \\[app\\])"""
        in shown
    )
    assert shown.count("What was looked at") == 1


def test_healthy_and_inconclusive() -> None:
    assert read(samples.healthy()).startswith("## healthy: Nothing wrong was seen in 10 s\n")
    assert "- not looked for: nil-dereference, dict-mutation, unhandled-crash" in read(samples.healthy())
    assert "- `memory-leak`: a slope needs 30 s; Add --for 60s." in read(samples.inconclusive())
    assert "sudo kdiag diagnose 4711" in read(samples.no_access())


def test_hostile_names_stay_inside_their_marks() -> None:
    where = Place("/srv/a`b.py", 3, "f.<locals>.<lambda>", "``")
    finding = replace(
        samples.gc_finding(),
        title="<img src=x> *bold* [link](http://x) | `code`",
        culprit=where,
        evidence=(Evidence("a|b", 1, "count", 1, "x|y"),),
    )
    group = StackGroup(("t",), "running", (Frame("```", 1, "</details>"),))
    report = replace(
        samples.one_finding(), findings=(finding,), stacks=(group,), lines={("/srv/a`b.py", 3): LineFacts("x = '```'")}
    )
    shown = read(report)
    assert "&lt;img src=x&gt; \\*bold\\* \\[link\\](http://x) \\| \\`code\\`" in shown
    assert "**Where:** `` /srv/a`b.py:3 `` in `f.<locals>.<lambda>`, thread ``` `` ```" in shown
    assert "````python\nx = '```'\n````" in shown
    assert "| `a\\|b` | 1 |  |  | 1 | `x\\|y` |" in shown
    assert "\n````\n1 thread: t [running]\n  ```:1  </details>\n````\n" in shown
