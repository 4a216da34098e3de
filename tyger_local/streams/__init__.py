"""Named pipes, connections, and what moves bytes through them.

Owns FIFOs, the sockets through which buffers go, the host's ends of buffers and the threads that copy between
them. Knows nothing of engines, codespecs or the store.
"""
