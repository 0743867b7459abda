"""The site that `make docs` builds: what Sphinx is told, and the pages made from code."""
