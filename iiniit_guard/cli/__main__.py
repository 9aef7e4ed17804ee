"""`python -m iiniit_guard.cli` does what `iiniit-guard` does."""

from __future__ import annotations

from iiniit_guard.cli import main

if __name__ == "__main__":
    main()
