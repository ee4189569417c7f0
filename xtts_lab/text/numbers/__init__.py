"""Numbers of languages with words between spaces, and of Korean: what is written, as words."""
