"""The speaker encoder: vectors of a voice, for the vocoder and for `speaker_embedding`."""
