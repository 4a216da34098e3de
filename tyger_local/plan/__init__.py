"""From a resolved run to a `RunPlan`: everything an engine is told, and what the cluster would do
differently. Pure: capacity, pipe root, run id and labels come in as parameters.
"""
