"""Linear algebra: a file for each kind of question that is asked of a matrix."""
