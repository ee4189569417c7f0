"""Text of 16 languages: normalise, split, tokenise, and prepare for scoring."""
