"""How a project uses its own members: their calls in its tests, its documentation and its other code."""
