"""Run the project's own tests of Go: the baseline of members, and the coverage of whole files."""
