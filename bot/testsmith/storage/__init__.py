"""The result cache: its keys (pure) and its store on disk."""
