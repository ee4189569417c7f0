"""The codec: the DVAE that makes codes, and the vocoder that makes sound of them."""
