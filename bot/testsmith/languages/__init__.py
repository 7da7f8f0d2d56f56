"""What knows programming languages."""
