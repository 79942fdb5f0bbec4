"""Reports for people and machines. They read results only."""
