"""The one loop that all attacks and the repair share, and the parts they bring to it."""
