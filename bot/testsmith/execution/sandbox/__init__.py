"""The sandbox for untrusted code: its layers, the choice between them, and the program that applies them.

Limits of every isolation:

- File names, sizes, modes and times are visible, as far as the target's user may see them.
- Limits on a whole run (`resource_monitor.py`) are checked ten times a second and can be exceeded in between.
- Without its own user id, the target shares `/dev/shm` with other programs of the bot's user.
- With its own user id, it can list the files there, and may watch world-readable folders.
- Without seccomp, it may connect to local sockets that everyone on the machine may use.
- While a project is installed, the network is open: UDP without limits; TCP to HTTPS, DNS and the ports of
  the configured indexes and proxies, or to all ports before Landlock 4.
"""
