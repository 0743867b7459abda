"""How functions of tensors become graphs: arguments, sizes and promotion, traces, and the public face of functions."""
