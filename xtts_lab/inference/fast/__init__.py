"""Decoding as fast as the memory allows: fused kernels, one graph a step, nothing to wait for."""
