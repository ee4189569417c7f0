"""WavLM-large fine-tuned for speaker verification: the judge of seed-tts-eval's similarity."""
