"""What a recorded and certified run costs, beside the same run alone."""
