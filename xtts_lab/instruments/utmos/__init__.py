"""UTMOS as a judge of naturalness: network, weights and predictor."""
