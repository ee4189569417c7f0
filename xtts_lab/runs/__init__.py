"""What a run folder is, for those who write it and those who read it."""
