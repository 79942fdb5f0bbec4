"""A run and its verdict: the strongest evidence that what a target handed back allows."""
