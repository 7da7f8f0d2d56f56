"""Compare tests with the member's own documentation, and create questions for conflicts."""
