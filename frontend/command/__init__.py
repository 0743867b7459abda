"""The command line: `brasa ir` and `brasa cache`."""
