"""The offline engine's half inside the sandbox: describes members and tries calls of them."""
