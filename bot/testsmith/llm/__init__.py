"""What completes a prompt: the endpoint, and the layers around it."""
