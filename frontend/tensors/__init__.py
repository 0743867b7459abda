"""What a tensor is: its memory, dtype and shape; how tensors are made, viewed, written, shown and exchanged."""
