"""Training of decoders on codes of several levels."""
