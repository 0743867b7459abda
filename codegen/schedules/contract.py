"""Schedule of contract regions: all sums of products as products of matrices, summed in chains or in lanes."""

from __future__ import annotations

from brasa.codegen.schedules.chain import Chain
from brasa.codegen.schedules.convolution import Convolution
from brasa.codegen.schedules.dot import Dot
from brasa.codegen.schedules.phases import PhaseConvolution, PhasePlanes, has_phases
from brasa.codegen.schedules.planes import PlaneChain, PlaneConvolution
from brasa.codegen.schedules.products import MatrixProduct, blocks
from brasa.codegen.schedules.weight_gradient import WeightGradient, WeightProduct
from brasa.codegen.schedules.writer import Writer

CHAIN_CHUNK, DOT_CHUNK = 512, 4096
_WIDE, _NARROW = 256, 128  # columns of a panel that many rows use, and of a block of few rows
_PANEL_BYTES = 512 << 10  # of a panel of patches
_SUMS = 4  # times as many bytes are the most that the sums of a block take: like the panel, they are on the stack
_TILE = 32  # columns of a tile


def write_contract(writer: Writer) -> None:
    """Write the kernel of a contract region."""
    node = writer.anchor
    if node.op.name == "matmul" and node.attrs["order"] == "dot":
        product = MatrixProduct(writer, node, DOT_CHUNK)
        Dot(product, product.most_steps).write()
    elif node.op.name == "matmul":
        product = MatrixProduct(writer, node, CHAIN_CHUNK)
        wide = product.column_pieces(_WIDE, _NARROW) if product.pack_from < 1 << 30 else None
        Chain(product, product.most_steps, wide, product.pack, product.pack_from).write()
    elif node.op.name == "conv_weight_grad":
        WeightGradient(WeightProduct(writer, node)).write()
    else:
        phased = has_phases(node)
        convolution = (PhaseConvolution if phased else Convolution)(writer, node)
        depth = convolution.per_chunk * convolution.most_taps
        if isinstance(convolution.channels, int):
            depth = max(1, min(depth, convolution.channels * convolution.most_taps))
        planes = (PhasePlanes if phased else PlaneConvolution)(writer, node)
        if planes.pay:
            PlaneChain(planes, depth).write()
            return
        panel = min(writer.target.l2_bytes // 2, _PANEL_BYTES) // convolution.dtype.itemsize
        height = blocks(convolution.rows, convolution.row_block).size
        positions = max(_TILE, panel // max(depth, height // _SUMS) // _TILE * _TILE)
        Chain(convolution, depth, convolution.position_blocks(positions), convolution.pack).write()
