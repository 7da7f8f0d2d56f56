"""How a project calls its own members in tests, documentation and other code."""
