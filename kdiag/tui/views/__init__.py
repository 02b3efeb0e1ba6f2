"""The ways to look at a process that the main screen offers, one a module."""
