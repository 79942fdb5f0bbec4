"""Which entries are wrong, and which mistake was made of them."""
