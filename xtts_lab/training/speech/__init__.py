"""Speech as training sees it: batches of utterances or crops, and what the DVAE hears in them."""
