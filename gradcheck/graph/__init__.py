"""What a network is: graphs, tracing, documents, values."""
