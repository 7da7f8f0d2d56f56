"""How the project's own tests are measured; what others use of it stands in `own_suite`."""
