"""Run Tyger codespecs on your own machine, and learn what the cluster would do."""
