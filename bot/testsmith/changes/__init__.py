"""Selection of the files and members that a change affects."""
