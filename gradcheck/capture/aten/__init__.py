"""What each operation of ATen is in ours: one paragraph each. What has none is opaque, and judged alone."""
