"""What is remembered: versions of codespecs and records of runs, as JSON files for people to read.

It is given the comparison of two codespecs and imports no model.
"""
