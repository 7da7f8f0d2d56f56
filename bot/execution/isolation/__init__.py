"""What holds untrusted code in: the layers, the choice between them, and the program that applies them."""
