"""The forge interface: pull requests, their comments, the state stored in them, and planned changes."""
