"""Small changes of Python source that a good test notices."""
