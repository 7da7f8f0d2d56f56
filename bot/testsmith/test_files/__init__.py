"""Where proven tests go in the project's own test tree."""
