"""The generator that asks a language model: prompts, packing, parsing."""
