"""The project whose members the candidates are for has tests of its own, which are none of ours."""

collect_ignore = ["project", "candidates"]
