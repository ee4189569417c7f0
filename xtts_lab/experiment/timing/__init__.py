"""By the clock: many listeners at once, and what a system's stages cost."""
