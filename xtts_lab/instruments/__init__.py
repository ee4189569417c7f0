"""Pretrained judges; each one's output is stored once per clip and shared by metrics."""
