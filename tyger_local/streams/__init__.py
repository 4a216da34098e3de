"""Named pipes and what moves bytes through them.

Owns FIFOs, the host's ends of buffers and the threads that copy between the two. Knows nothing of
engines, codespecs or the store.
"""
