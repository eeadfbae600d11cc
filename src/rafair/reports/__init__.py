"""A result in one format per file."""
