"""Every op that there is: one record each, by name."""

from brasa.ir.graph import Op
from brasa.ir.ops import (
    affine,
    attention,
    complex,
    contract,
    control,
    cumulate,
    elementwise,
    factorization,
    fourier,
    host,
    index,
    library,
    move,
    nested,
    order,
    powers,
    reduce,
    source,
    special,
    spectrum,
    trellis,
    triangular,
    view,
    window,
)

OPS: dict[str, Op] = {
    op.name: op
    for module in (
        source,
        elementwise,
        special,
        view,
        move,
        affine,
        complex,
        reduce,
        cumulate,
        order,
        contract,
        window,
        index,
        attention,
        trellis,
        triangular,
        factorization,
        spectrum,
        powers,
        fourier,
        host,
        library,
        control,
        nested,
    )
    for op in vars(module).values()
    if isinstance(op, Op)
}
