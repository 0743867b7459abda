"""Every function of tensors, written over the primitives of brasa.ir.ops."""
