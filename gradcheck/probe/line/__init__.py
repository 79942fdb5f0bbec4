"""A line through the point: f and the doubted derivative sampled along it, and what the samples say."""
