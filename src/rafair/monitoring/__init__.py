"""A watch in production: windows of a stream are judged, and what fell is told by a test."""
