"""Exit codes of the command line."""

DONE, FAILED_TRIALS, MISTAKE, INTERRUPTED = 0, 1, 2, 130
