"""Losses as plain functions and modules: no optimiser, no data, no logging."""
