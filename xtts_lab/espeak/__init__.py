"""espeak-ng in-process: speech, phonemes and synthetic speakers in 16 languages.

`engine.Engine` is the door; `speakers.SyntheticSpeakers` draws speakers from a seed. This module
imports nothing, because every espeak server process passes through it.
"""
