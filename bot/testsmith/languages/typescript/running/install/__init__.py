"""Find or install Node, and install the packages of a project."""
