"""What runs inside the sandbox. It uses the standard library alone, and runs no code of the project."""
