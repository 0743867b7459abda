"""Schedule of contract regions: one for all sums of products, matrix products and convolutions alike."""

from __future__ import annotations

from brasa.codegen.schedules.chain import Chain
from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.products import MatrixProduct, contraction
from brasa.codegen.schedules.writer import Writer

_CHAIN_CHUNK = 512
_PANEL = 32 << 10  # elements of a panel of patches
_WIDE = 256  # columns of a panel that many rows use


def write_contract(writer: Writer) -> None:
    """Write the kernel of a contract region."""
    node = contraction(writer)
    if node.op.name == "matmul":
        product = MatrixProduct(writer, node, _CHAIN_CHUNK)
        pack_from = product.pack_from
        wide = _WIDE if pack_from < 1 << 30 else 0
        Chain(product, _CHAIN_CHUNK, wide, product.pack, pack_from).write()
    elif node.op.name in ("conv", "conv_input_grad"):
        convolution = Convolution(writer, node)
        depth = convolution.per_chunk * convolution.taps
        if isinstance(convolution.channels, int):
            depth = min(depth, convolution.channels * convolution.taps)
        Chain(convolution, depth, _PANEL // depth, convolution.pack).write()
