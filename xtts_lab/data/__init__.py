"""Manifests, test sets, and the built-in sentences of 16 languages."""
