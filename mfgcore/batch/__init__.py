"""Many runs: sweeps, comparisons, collection and cost."""
