"""What there is to say as a list of blocks, and how each output draws them."""
