"""The command line. The only room that prints, exits, and knows click and rich.

A command reads flags, calls the workspace, renders the answer and sets the exit code.
"""
