"""Endings that are written on figures and percent signs, one file a language."""
