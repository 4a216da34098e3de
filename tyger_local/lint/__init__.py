"""What would surprise on the cluster, said before anything runs: one function a rule."""
