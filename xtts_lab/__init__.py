"""xtts_lab: take an XTTS-style multilingual TTS apart, swap one part, and measure what it did.

Importing the package loads neither torch nor any instrument.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
