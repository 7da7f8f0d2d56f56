"""Model calls: the endpoint client, and the layers around it."""
