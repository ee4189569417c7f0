"""The pitch of speech, frame by frame (Mauch and Dixon 2014)."""
