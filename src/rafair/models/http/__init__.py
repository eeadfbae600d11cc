"""Models behind HTTP: how they are asked, what they say, and how failures are met."""
