"""What executes a plan. `base` is the seam; `process` and `docker` are the engines behind it."""
