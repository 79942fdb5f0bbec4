"""One examination at one point, and what it says."""
