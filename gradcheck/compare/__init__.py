"""A target's numbers beside what one conforming operation may return: comparisons, and no verdict."""
