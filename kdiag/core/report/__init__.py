"""How a conclusion reads: each module turns the core's data into the lines of one format.

- A formatter yields lines without newlines and prints nothing; whoever calls it owns the output.
- Everything that comes from the target (names, paths, titles) is made safe for the format on its way out.
- Prose about verdicts comes from the catalogue, numbers from the finding: no formatter words a diagnosis itself.
"""
