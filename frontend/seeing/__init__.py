"""Models and tensors as tables for people."""
