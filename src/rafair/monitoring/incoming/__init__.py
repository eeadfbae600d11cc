"""Rows of a stream as they come: read from files or a pipe, sorted, refused with a reason."""
