"""Number systems: what an operation may do to numbers. To add one, write one file."""
