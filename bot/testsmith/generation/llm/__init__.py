"""Test generation by a language model: prompts, packing and parsing."""
