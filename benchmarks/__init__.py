"""Speed, measured beside this machine's own matrix product in the same run."""
