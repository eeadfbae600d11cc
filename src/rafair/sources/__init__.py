"""Where models and data come from: any of one with any of the other, opened in one place."""
