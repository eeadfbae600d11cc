"""Training and wrapping that remove violations; judged by attacks that training did not use."""
