"""One prompt on a CPU: codes guessed ahead, several read at once."""
