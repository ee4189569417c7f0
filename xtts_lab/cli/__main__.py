"""`python -m xtts_lab.cli`."""

from xtts_lab.cli import main

if __name__ == "__main__":
    main()
