"""Values that every stage shares. NumPy and ONNX Runtime only."""
