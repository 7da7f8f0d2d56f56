"""Read test modules by syntax tree: claims, parametrization rows, and the situations they are about."""
