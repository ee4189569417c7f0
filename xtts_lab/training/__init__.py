"""Training: corpora, and one recipe a stage."""
