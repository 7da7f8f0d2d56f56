"""What makes a test function worthless, or a burden, even where it passes."""
