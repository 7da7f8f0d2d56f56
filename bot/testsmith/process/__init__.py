"""This process: the signals that stop it, and the supervisor that ends it when its time is over."""
