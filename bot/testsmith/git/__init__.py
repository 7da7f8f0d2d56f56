"""Git access: running commands, reading the repository and its diff, and fetching missing commits."""
