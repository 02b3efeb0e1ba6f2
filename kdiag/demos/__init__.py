"""Small sick services of the package's own: what `kdiag demo` starts, each also usable by hand."""
