"""Test generation by a model or by the offline engine."""
