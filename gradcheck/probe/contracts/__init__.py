"""What a derivative must do beside having the right values."""
