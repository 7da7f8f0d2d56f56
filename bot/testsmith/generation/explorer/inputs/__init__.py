"""Values to try for the parameters of a member."""
