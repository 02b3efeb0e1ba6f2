"""What kdiag costs, measured: ratios side by side in one run."""
