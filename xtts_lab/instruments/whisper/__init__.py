"""Whisper: weights, decoding, batches."""
