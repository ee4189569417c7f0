"""`world_ctc`: a small phoneme recogniser for languages that no shipped judge can read."""
