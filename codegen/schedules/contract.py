"""Schedule of contract regions: all sums of products as products of matrices, summed in chains or in lanes."""

from __future__ import annotations

from brasa.codegen.schedules.chain import Chain
from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.dot import Dot
from brasa.codegen.schedules.products import MatrixProduct, contraction
from brasa.codegen.schedules.weight_gradient import WeightGradient, WeightProduct
from brasa.codegen.schedules.writer import Writer

CHAIN_CHUNK, DOT_CHUNK = 512, 4096
_WIDE = 256  # columns of a panel that many rows use
_PANEL = 32 << 10  # elements of a panel of patches


def write_contract(writer: Writer) -> None:
    """Write the kernel of a contract region."""
    node = contraction(writer)
    if node.op.name == "matmul" and node.attrs["order"] == "dot":
        Dot(MatrixProduct(writer, node, DOT_CHUNK), 512).write()
    elif node.op.name == "matmul":
        product = MatrixProduct(writer, node, CHAIN_CHUNK)
        wide = _WIDE if product.pack_from < 1 << 30 else 0
        Chain(product, CHAIN_CHUNK, wide, product.pack, product.pack_from).write()
    elif node.op.name == "conv_weight_grad":
        WeightGradient(WeightProduct(writer, node)).write()
    else:
        convolution = Convolution(writer, node)
        depth = convolution.per_chunk * convolution.taps
        if isinstance(convolution.channels, int):
            depth = max(1, min(depth, convolution.channels * convolution.taps))
        Chain(convolution, depth, _PANEL // depth, convolution.pack).write()
