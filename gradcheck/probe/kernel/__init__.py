"""The gate for kernels: low precision against a reference, where every rounding that is known is no tolerance."""
