"""Schedule of contract regions: all sums of products as products of matrices, summed in chains or in lanes."""

from __future__ import annotations

from brasa.codegen.schedules.chain import Chain
from brasa.codegen.schedules.dot import Dot
from brasa.codegen.schedules.phases import PhaseConvolution, has_phases
from brasa.codegen.schedules.planes import PlaneChain, PlaneConvolution
from brasa.codegen.schedules.products import matrix_product
from brasa.codegen.schedules.weight_gradient import WeightGradient, WeightProduct
from brasa.codegen.schedules.writer import Writer

CHAIN_CHUNK, DOT_CHUNK = 512, 4096


def write_contract(writer: Writer) -> None:
    """Write the kernel of a contract region."""
    node = writer.anchor
    if node.op.name == "matmul" and node.attrs["order"] == "dot":
        product = matrix_product(writer, node, DOT_CHUNK)
        Dot(product, product.most_steps).write()
    elif node.op.name == "matmul":
        product = matrix_product(writer, node, CHAIN_CHUNK)
        packs = product.pays_to_pack(product.rows).attr is not False
        Chain(product, product.most_steps, product.column_pieces() if packs else None).write()
    elif node.op.name == "conv_weight_grad":
        WeightGradient(WeightProduct(writer, node)).write()
    else:
        kind = PhaseConvolution if has_phases(node) else PlaneConvolution
        PlaneChain(kind(writer, node)).write()
