"""The story of a sweep: rank what a whole repository leaves untested, and take it a budget at a time."""
