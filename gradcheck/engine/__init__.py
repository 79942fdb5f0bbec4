"""The reference: the reverse sweep."""
