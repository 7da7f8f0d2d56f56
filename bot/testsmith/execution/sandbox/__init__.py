"""What holds untrusted code in: the layers, the choice between them, and the program that applies them.

What is not held, by any choice:

- The name, size, mode and times of a file can be looked at, as far as the target's user may.
- A bound on a whole run (`watch.py`) is looked at ten times a second: it can be overshot for that long.
- Without a user id of its own the target shares the folder for shared memory with the person's programs.
- With one, it sees the names of files there, and may watch folders that everybody may read.
- Without seccomp it may connect to a local socket that everybody on the machine may use.
- While a project is installed the network is open: UDP to all, TCP to the ports of HTTPS, of the indexes and
  proxies that were named, and of DNS; before Landlock 4 to all ports.
"""
