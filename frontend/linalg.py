"""Linear algebra: `brasa.linalg`."""

from brasa.functions.linalg.cholesky import cholesky_ex
from brasa.functions.linalg.cholesky import linalg_cholesky as cholesky
from brasa.functions.linalg.constructions import linalg_cross as cross
from brasa.functions.linalg.constructions import linalg_diagonal as diagonal
from brasa.functions.linalg.constructions import linalg_vander as vander
from brasa.functions.linalg.constructions import vecdot
from brasa.functions.linalg.lu import linalg_lu as lu
from brasa.functions.linalg.lu import linalg_lu_solve as lu_solve
from brasa.functions.linalg.lu import lu_factor, lu_factor_ex
from brasa.functions.linalg.norms import linalg_norm as norm
from brasa.functions.linalg.norms import matrix_norm, vector_norm
from brasa.functions.linalg.orthogonal import householder_product
from brasa.functions.linalg.orthogonal import linalg_qr as qr
from brasa.functions.linalg.powers import linalg_matrix_exp as matrix_exp
from brasa.functions.linalg.powers import linalg_matrix_power as matrix_power
from brasa.functions.linalg.pseudoinverse import cond, lstsq, matrix_rank, pinv
from brasa.functions.linalg.solving import (
    det,
    inv,
    inv_ex,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from brasa.functions.linalg.spectra import eig, eigh, eigvals, eigvalsh, svdvals
from brasa.functions.linalg.spectra import linalg_svd as svd
from brasa.functions.matrix import matmul, multi_dot
from brasa.ir.errors import LinAlgError

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul",
    "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve",
    "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip
