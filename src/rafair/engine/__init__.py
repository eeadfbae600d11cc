"""How work is run: chunks, threads, shards, files, run folders. Knows no word of fairness."""
