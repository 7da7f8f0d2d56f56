"""Git: the one door to it, the repository under review, its diff, and fetching what a checkout lacks."""
