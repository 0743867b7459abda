"""How graphs run: compiled, cached and called; the tape of eager mode; what is said of run-time checks that fail."""
