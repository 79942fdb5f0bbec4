"""Your own program as a graph: one real run recorded, every value and adjoint with its place in the source."""
