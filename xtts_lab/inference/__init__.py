"""From text tokens and a voice to codes and waveforms; from references to a voice."""
