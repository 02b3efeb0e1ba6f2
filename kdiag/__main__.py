"""`python -m kdiag`: the same command line as the `kdiag` script."""

from kdiag.cli.main import main

main()
