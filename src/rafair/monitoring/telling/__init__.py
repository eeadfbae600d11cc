"""What a watch tells: sentences, metrics for Prometheus, messages to a receiver."""
