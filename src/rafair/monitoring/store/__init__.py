"""Where a watch keeps what it has judged: SQLite or PostgreSQL, one transaction for a window."""
