"""The offline engine's part in the sandbox: describe members and run trial calls."""
