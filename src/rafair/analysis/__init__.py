"""What can be learnt from an audit's numbers: slopes of losses, chances of draws, paired gaps."""
