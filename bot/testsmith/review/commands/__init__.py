"""Comment commands: authorization and handlers."""
