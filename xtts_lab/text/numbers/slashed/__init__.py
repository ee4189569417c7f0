"""Two numbers with a slash between: fractions, days, scores."""
