"""Entry point of `python -m iiniit_guard.cli`, which is equivalent to `iiniit-guard`."""

from __future__ import annotations

from iiniit_guard.cli import main

if __name__ == "__main__":
    main()
