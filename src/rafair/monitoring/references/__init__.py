"""What a stream is held to: a finished audit's test split, judged whole and frozen."""
