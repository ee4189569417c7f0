"""Decoders: from text and prefix to what the vocoder reads."""
