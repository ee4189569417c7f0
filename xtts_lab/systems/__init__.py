"""What can be put on the bench: one file and one registry line a system."""
