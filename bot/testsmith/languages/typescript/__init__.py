"""TypeScript and JavaScript, tested with the framework that a project uses."""
