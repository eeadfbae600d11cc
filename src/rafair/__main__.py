"""`python -m rafair` is `rafair`."""

from __future__ import annotations

from rafair.cli.main import main

if __name__ == "__main__":
    main()
