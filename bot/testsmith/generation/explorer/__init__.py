"""The generator without a model: it runs members on inputs and pins what was observed."""
