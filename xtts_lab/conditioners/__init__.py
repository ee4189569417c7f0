"""Conditioners: references in, a prefix of the GPT out.

A conditioner is an `nn.Module` with one `forward`, from what its `intake` says that it reads to a
prefix of the GPT's sequence, [B, N, D], or to codes [B, N]. `base.Conditioner` declares what
callers read of it instead of asking for its type; `references.py` cuts references of any number and
length into chunks in flat memory; `inference.voice` joins the two.
"""
