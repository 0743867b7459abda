"""Gradients inside a captured program: nodes like others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import compress
from typing import TYPE_CHECKING, Any

from brasa.autograd.engine import seed_of
from brasa.autograd.modes import no_grad
from brasa.capture.reach import behind_of, check_outside, leaves_of, reached_of, used_of
from brasa.capture.undoing import Effect
from brasa.execution.hooks import run_accumulation_hooks, through_leaf_hooks
from brasa.execution.outputs import is_part
from brasa.functions.pointwise import add
from brasa.ir import dim
from brasa.ir.graph import Node, topological
from brasa.ir.layout import is_view
from brasa.ir.ops import control
from brasa.passes.autodiff import carrying
from brasa.tensors.tensor import Tensor

if TYPE_CHECKING:
    from brasa.capture.follow import Capture


def backward(
    capture: Capture, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Any, keep: bool,
    create_graph: bool,
) -> None:  # fmt: skip
    """backward() inside the program: gradients of the leaves are nodes, and `.grad` holds them."""
    seeds = [seed_of(root, weight) for root, weight in zip(roots, weights, strict=True)]
    nodes = tuple(capture.node_of(root) for root in roots)
    found = capture.step(("leaves", nodes), lambda: leaves_of(capture, nodes))
    given = [inputs] if isinstance(inputs, Tensor) else inputs
    wanted = found if inputs is None else tuple(map(capture.node_of, given))
    for leaf, grad in zip(wanted, _gradients(capture, nodes, seeds, wanted, create_graph), strict=True):
        tensor = capture.leaves[leaf]
        with no_grad():
            final, before = through_leaf_hooks(tensor, grad), tensor._grad
            tensor._grad = final if before is None else add(before, final)
            _note_set(capture, tensor, before, capture.node_of(tensor._grad))
            run_accumulation_hooks(tensor)
    if not keep:
        shown = _only_shown(capture, topological(nodes)) if capture.parts else ()
        behind = capture.step(("behind", nodes), lambda: reached_of(capture, nodes))
        capture.freed.update(node for node in behind if node not in shown and node not in capture.leaves)


def _only_shown(capture: Capture, nodes: Sequence[Node]) -> set[Node]:
    """Those of the nodes, operands first, that in eager mode are views of inputs, which no backward frees."""
    shown = {node for node in nodes if node.op.name == "input" or node in capture.leaves}
    for node in nodes:
        if (is_view(node) or is_part(node)) and node.operands[0] in shown:
            shown.add(node)
    return shown


def _note_set(capture: Capture, tensor: Tensor, before: Tensor | None, node: Node) -> None:
    """Note an effect. A gradient that an effect noted before has set is told by that one, and need not live on."""
    told = None if before is None else capture.gradients.get(id(tensor))
    known = told is not None and told == capture.node_of(before)
    capture.effects.append(Effect(capture.here, "gradient", tensor, None if known else before, node))
    capture.gradients[id(tensor)] = node


def grad(
    capture: Capture, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Sequence[Tensor],
    create_graph: bool,
) -> Any:  # fmt: skip
    """autograd.grad() inside the program."""
    seeds = [seed_of(root, weight, "grad") for root, weight in zip(roots, weights, strict=True)]
    nodes, places = tuple(map(capture.node_of, roots)), _places(capture, inputs)
    check_outside(capture, nodes, inputs)
    wanted = tuple(dict.fromkeys(node for each in places for node in each))
    used = capture.step(("used", nodes, wanted), lambda: used_of(capture, nodes, wanted))
    reached = tuple(compress(wanted, used))
    grads = dict(zip(reached, _gradients(capture, nodes, seeds, reached, create_graph), strict=True))
    found: dict[tuple[Node, ...], Tensor] = {}
    for tensor, each in zip(inputs, places, strict=True):
        parts = [grads[node] for node in each if node in grads]
        if parts and each not in found:
            found[each] = through_leaf_hooks(tensor, reduce(add, parts))
    return tuple(map(found.get, places))


def _places(capture: Capture, tensors: Sequence[Tensor]) -> list[tuple[Node, ...]]:
    """Where gradients by the tensors come in: written leaves are several values, others what they were before."""
    values: dict[int, list[Node]] = {}
    for node, leaf in capture.leaves.items():
        values.setdefault(id(leaf), []).append(node)
    nodes = [capture.origins.get(node, node) for node in map(capture.node_of, tensors)]
    return [tuple(values.get(id(tensor), (node,))) for tensor, node in zip(tensors, nodes, strict=True)]


def _gradients(
    capture: Capture, nodes: tuple[Node, ...], seeds: list[Tensor], wanted: tuple[Node, ...], create_graph: bool
) -> list[Tensor]:
    seed_nodes = tuple(capture.node_of(seed) for seed in seeds)

    def make() -> tuple[Node, ...]:
        beside = _needing_beside(capture, nodes, wanted) if create_graph else ()
        with dim.solving(capture.scope):
            made = capture.record(control.gradient(*nodes, *seed_nodes, *wanted, *beside, outputs=len(nodes)))
            found = capture.items(made)[: len(wanted)]
            return found if create_graph else tuple(capture.record(control.stop_gradient(each)) for each in found)

    if not wanted:
        return []
    found = capture.step(("gradient", nodes, seed_nodes, wanted, create_graph), make)
    return [capture.fresh(node, create_graph) for node in found]


def _needing_beside(capture: Capture, nodes: tuple[Node, ...], wanted: tuple[Node, ...]) -> list[Node]:
    """What else from outside needs gradients, behind the nodes: functions in eager mode have gradients by that, too.

    What does not come to these when the gradients are differentiated has none then; where all come, it has 0.
    """
    outside = (node for node, bound in capture.bindings.items() if isinstance(bound, Tensor) and bound._requires_grad)
    behind = behind_of(nodes, capture.leaves)
    needing = [node for node in dict.fromkeys((*capture.leaves, *outside)) if node in behind and node not in wanted]
    if not capture.flushes:
        return needing
    moving = carrying(topological(nodes), wanted)
    at_hand = {node for node in capture.bindings if node.op.name != "input" and node not in capture.leaves}
    again = set(topological(behind & at_hand - moving))  # what is computed already, and need not be computed once more
    return [node for node in needing if node not in again]
