"""What a diff changes: git, the diff, and the members behind it."""
