"""Graphs in ONNX run by torch: for GPUs, where ONNX Runtime would bring a CUDA of its own."""
