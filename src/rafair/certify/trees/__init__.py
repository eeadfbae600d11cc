"""Exact branch and bound over ensembles of trees."""
