"""Passes: graphs to better graphs with the same meaning, bit for bit; and the memory plan of a program."""

from brasa.passes.autodiff import autodiff as autodiff
from brasa.passes.autodiff import vjp_graph as vjp_graph
from brasa.passes.draw import to_dot as to_dot
from brasa.passes.draw import to_networkx as to_networkx
from brasa.passes.draw import to_svg as to_svg
from brasa.passes.eliminate_common import eliminate_common as eliminate_common
from brasa.passes.eliminate_dead import eliminate_dead as eliminate_dead
from brasa.passes.fold_constants import fold_constants as fold_constants
from brasa.passes.fuse import fuse as fuse
from brasa.passes.inline import inline as inline
from brasa.passes.nested_gradients import with_starts as with_starts
from brasa.passes.pipeline import PIPELINE as PIPELINE
from brasa.passes.pipeline import optimize_bodies as optimize_bodies
from brasa.passes.pipeline import run as run
from brasa.passes.plan_memory import plan_memory as plan_memory
from brasa.passes.report_memory import MemoryReport as MemoryReport
from brasa.passes.report_memory import PlannedValue as PlannedValue
from brasa.passes.report_memory import measure_memory as measure_memory
from brasa.passes.report_memory import report_memory as report_memory
from brasa.passes.scatter_by_comparison import scatter_by_comparison as scatter_by_comparison
from brasa.passes.simplify import simplify as simplify
from brasa.passes.split import Kept as Kept
from brasa.passes.split import Split as Split
from brasa.passes.split import split as split
from brasa.passes.split_complex import split_complex as split_complex
from brasa.passes.transpose_products import transpose_products as transpose_products
