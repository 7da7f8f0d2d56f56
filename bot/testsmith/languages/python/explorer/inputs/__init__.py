"""Input values for the parameters of a member."""
