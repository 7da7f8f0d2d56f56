"""Reading Python source files."""
