"""What a run cost, for people: figures, plots over time, and what to write under ``resources:``.

Makes values and text of a run's record and samples. It reads and writes no file and runs nothing.
"""
