"""Vocoders: GPT states or codes in, waveform out."""
