"""Voices that others serve, over HTTP."""
