"""The reference implementation's text front end, and every deliberate difference from it."""
