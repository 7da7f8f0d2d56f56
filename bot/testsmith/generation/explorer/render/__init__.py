"""From observed cases to the text of a test module."""
