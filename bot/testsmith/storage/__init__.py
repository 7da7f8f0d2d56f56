"""The result cache: its keys (pure), its store on disk, and its archives between runs."""
