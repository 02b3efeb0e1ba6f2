"""Parts of screens that know nothing of processes."""
