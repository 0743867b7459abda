"""The test suite: one folder for each room of the code, and `house` for the rules of the repository itself."""
