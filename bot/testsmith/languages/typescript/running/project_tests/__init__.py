"""Run the project's own tests: the baseline of members, and the coverage of whole files."""
