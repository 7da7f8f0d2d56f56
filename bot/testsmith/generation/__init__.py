"""What turns requests into candidates: a model, or the offline engine."""
