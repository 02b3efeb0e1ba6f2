"""One file a subcommand, imported only when it is called."""
