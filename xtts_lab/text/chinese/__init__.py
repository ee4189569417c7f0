"""Chinese numerals, and everything with digits in a Chinese text."""
