"""What a classifier is; the paper's network and its training; one adapter per file."""
