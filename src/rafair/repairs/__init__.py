"""Repairs: perturbations that bring instances back to being right and equal."""
