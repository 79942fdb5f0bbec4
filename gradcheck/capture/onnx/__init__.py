"""Models in ONNX files as networks: their operators, run once on the data that they are checked at."""
