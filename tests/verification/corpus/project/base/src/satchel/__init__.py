"""Small things that every program carries along."""
