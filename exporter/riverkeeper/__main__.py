"""`python -m riverkeeper` is `riverkeeper`."""

from riverkeeper.cli import main

if __name__ == "__main__":
    main()
