"""What makes a difference of slopes no fault, and how much one that was located matters."""
