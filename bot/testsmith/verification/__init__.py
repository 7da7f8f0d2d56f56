"""What running candidates shows, and what may be proposed of it."""
