"""Models that others trained, each kind of file in a module of its own."""
