"""What a test module says, read from its text: claims, rows, and the situations that they are about."""
