"""Results: data that every report reads, and their documents."""
