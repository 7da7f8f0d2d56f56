"""Where tests of Python code go, and how test files are edited."""
