"""Metrics: pure functions of evidence, one file a family; no torch, no model."""
