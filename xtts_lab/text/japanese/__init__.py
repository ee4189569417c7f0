"""Everything with digits in a Japanese text."""
