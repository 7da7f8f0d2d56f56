"""What tests do if the project is taken away from them."""
