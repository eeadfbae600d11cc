"""The paper's tables and figures, made again from ordinary run folders."""
