"""Running the project under test: sandbox, project copies, interpreter, installation and worker."""
