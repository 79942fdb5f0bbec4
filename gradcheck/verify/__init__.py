"""Our own reference proved: symbolic identities, independent ways to the same derivative, and their agreement."""
