"""The command line: one of the front ends over the engine."""
