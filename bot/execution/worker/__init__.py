"""The part that runs inside the sandbox, under the project's own Python: standard library only."""
