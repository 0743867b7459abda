"""Conformance: PyTorch's own samples of its operators, run through brasa and compared with what PyTorch gives."""
