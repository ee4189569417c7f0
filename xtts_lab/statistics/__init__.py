"""From tidy frames to intervals, comparisons, verdicts and power."""
