"""Lowers a fused graph to a program: a kernel for each kind of region, launches, and where every value lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from brasa.codegen.schedules.commit import Update, commit_order
from brasa.codegen.schedules.regions import CPU_SCHEDULES, Schedules, lower_region, region_key, region_symbols
from brasa.codegen.schedules.writer import Layouts, Lowered, Marks, OperandStride
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Kind, Node, item_types
from brasa.ir.ops.index import checked
from brasa.ir.ops.source import make_input
from brasa.ir.program import CheckNote, HostStep, Input, Launch, Place, Program, Signature, SizeValue, Stride
from brasa.ir.target import Target
from brasa.ir.types import TensorType

Value: TypeAlias = tuple[Node, int]


@dataclass(frozen=True)
class Location:
    """Where a value lies; marks and, for run-time strides, the program input that has them."""

    place: Place
    marks: Marks = ()
    owner: int = -1


def lower(graph: Graph, target: Target, schedules: Schedules = CPU_SCHEDULES) -> Program:
    """The program that computes a graph of fused nodes, host ops, reshapes of row-major values, and items."""
    return _Lowering(graph, target, schedules).program()


class _Lowering:
    def __init__(self, graph: Graph, target: Target, schedules: Schedules) -> None:
        self.graph = graph
        self.target = target
        self.schedules = schedules
        self.landing = dict(graph.updates)
        self.calls = [node for node in graph.nodes if node.op.name == "fused" or node.op.kind is Kind.HOST]
        self.locations: dict[Value, Location] = {
            (node, 0): Location(Place("input", i), node.attrs.get("strides", ()), i)
            for i, node in enumerate(graph.inputs)
        }
        self.temporaries: list[Size] = []
        self.kernels: dict[str, tuple[Lowered, tuple[str, ...]]] = {}
        self.names: dict[str, int] = {}
        self.launches: list[Launch] = []
        self.notes: list[CheckNote] = []
        self.steps: dict[HostStep, None] = {}

    def program(self) -> Program:
        results = [self.resolve(output) for output in self.graph.outputs]
        updates = [
            Update(output, input, *results[output], self.is_renamed(self.graph.outputs[output]))
            for output, input in self.graph.updates
            if results[output][0] is not self.graph.inputs[input]
        ]
        order, in_place = commit_order(self.graph, self.target, self.calls, self.resolve, updates, self.input_marks())
        late = [update for update in updates if update not in in_place]
        self.place_outputs(results, in_place, late)
        self.copy_inputs(results, late)
        for call in order:
            if call.op.kind is Kind.HOST:
                self.launch_step(call)
            else:
                self.launch_call(call, in_place)
        self.copy_results(results, late)
        sizes = dict.fromkeys(size for launch in self.launches for size in launch.sizes if not isinstance(size, int))
        signature = Signature(
            self.graph.name,
            tuple(Input(n.attrs["name"], n.tensor, n.attrs.get("strides", ())) for n in self.graph.inputs),
            tuple(output.tensor for output in self.graph.outputs),
            self.graph.updates, tuple(sizes), (), tuple(self.notes), tuple(self.steps),
        )  # fmt: skip
        return Program(signature, tuple(self.launches), tuple(self.temporaries))

    # Where values lie

    def resolve(self, node: Node) -> Value:
        """The input or result of a fused node whose memory a value lies in."""
        index = 0
        while node.op.name in ("reshape", "item") or node.op.kind is Kind.COMPLEX:
            index = node.attrs.get("index", index)
            node = node.operands[0]
        if node.op.name not in ("fused", "input") and node.op.kind is not Kind.HOST:
            raise GraphError(f"{node.op.name} stands outside a region")
        return node, index

    def is_renamed(self, node: Node) -> bool:
        here = node.op.name == "reshape" or node.op.kind is Kind.COMPLEX
        return here or (node.op.name == "item" and self.is_renamed(node.operands[0]))

    def input_marks(self) -> list[Marks]:
        return [node.attrs.get("strides", ()) for node in self.graph.inputs]

    def place_outputs(self, results: Sequence[Value], in_place: Sequence[Update], late: Sequence[Update]) -> None:
        """Every result lies in the input that it updates in place, else in an output, else in a temporary."""
        first, last = ([update.output for update in updates] for updates in (in_place, late))
        for output in [*first, *(o for o in range(len(results)) if o not in last)]:
            value, owner = results[output], self.landing.get(output, -1)
            if value not in self.locations:
                marks = self.input_marks()[owner] if owner >= 0 else ()
                self.locations[value] = Location(Place("output", output), marks, owner)
        for call in self.calls:
            for index, type in enumerate(item_types(call.type)):
                if (call, index) not in self.locations:
                    self.locations[call, index] = Location(self.temporary(type.nbytes))

    def temporary(self, nbytes: Size) -> Place:
        self.temporaries.append(nbytes)
        return Place("temporary", len(self.temporaries) - 1)

    # Launches

    def launch_step(self, call: Node) -> None:
        """Append a host op: it reads and writes row-major memory."""
        results = item_types(call.type)
        step = HostStep(call.op.name, tuple(x.tensor for x in call.operands), results, tuple(call.attrs.items()))
        self.steps[step] = None
        places = [self.locations[self.resolve(operand)].place for operand in call.operands]
        places += [self.locations[call, index].place for index in range(len(results))]
        self.notes.append(CheckNote(call.op.name, call.where, 0))
        self.launches.append(Launch(step, tuple(places), step.sizes, (len(self.notes) - 1,), call.where))

    def launch_call(self, call: Node, in_place: Sequence[Update]) -> None:
        region: Graph = call.attrs["graph"]
        sources = [self.locations[self.resolve(operand)] for operand in call.operands]
        results = [self.locations[call, index] for index in range(len(item_types(call.type)))]
        shared = tuple(
            (update.index, number)
            for update in in_place
            if update.node is call
            for number, source in enumerate(sources)
            if source.place == Place("input", update.input)
        )
        self.launch(region, sources, results, shared, call.where)

    def launch(
        self, region: Graph, sources: Sequence[Location], results: Sequence[Location],
        shared: tuple[tuple[int, int], ...] = (), where: str = "",
    ) -> None:  # fmt: skip
        """Append a launch of the region's kernel, which is made if no equal region has one."""
        layouts = Layouts(tuple(s.marks for s in sources), tuple(r.marks for r in results), shared)
        key, symbols = region_key(region, layouts), region_symbols(region)
        if key not in self.kernels:
            self.kernels[key] = self.renamed(lower_region(region, layouts, self.target, self.schedules)), symbols
        lowered, its_symbols = self.kernels[key]
        renaming = {name: dim.symbol(mine) for name, mine in zip(its_symbols, symbols, strict=True)}
        scratch = [self.temporary(dim.substitute(nbytes, renaming)) for nbytes in lowered.scratch]
        at = {"input": [s.place for s in sources], "output": [r.place for r in results], "temporary": scratch}
        owners = {"input": [s.owner for s in sources], "output": [r.owner for r in results]}

        def size_value(size: Size | OperandStride) -> SizeValue:
            if isinstance(size, OperandStride):
                return Stride(owners[size.place.role][size.place.index], size.axis)
            return dim.substitute(size, renaming)

        first = len(self.notes)
        self.notes += [self.note(region.nodes[number], region, sources) for number in lowered.checks]
        self.launches.append(Launch(
            lowered.kernel, tuple(at[place.role][place.index] for place in lowered.buffers),
            tuple(map(size_value, lowered.sizes)), tuple(range(first, len(self.notes))), where,
        ))  # fmt: skip

    def renamed(self, lowered: Lowered) -> Lowered:
        """The kernel under a name that no other kernel has."""
        name = lowered.kernel.name
        count = self.names[name] = self.names.get(name, 0) + 1
        return lowered if count == 1 else replace(lowered, kernel=replace(lowered.kernel, name=f"{name}_{count}"))

    def note(self, node: Node, region: Graph, sources: Sequence[Location]) -> CheckNote:
        """What a failed check of a node says."""
        number, least, bound = checked(node)
        places = node.operands[number]
        while places.op.name in ("reshape", "expand"):
            places = places.operands[0]
        found = sources[region.inputs.index(places)].place if places in region.inputs else None
        input = found.index if found is not None and found.role == "input" else None
        return CheckNote(node.op.name, node.where, bound, input, least, node.attrs.get("fact", ""))

    def copy_inputs(self, results: Sequence[Value], late: Sequence[Update]) -> None:
        """Copies of inputs that are results, before anything overwrites them."""
        updated = {self.graph.inputs[input] for _, input in self.graph.updates}
        for output, value in enumerate(results):
            if value[0].op.name == "input" and output not in self.landing:
                self.copy(self.graph.outputs[output].tensor, self.locations[value], Location(Place("output", output)))
        for value in dict.fromkeys(results[update.output] for update in late):
            if value[0] in updated:
                here = Location(self.temporary(value[0].tensor.nbytes))
                self.copy(value[0].tensor, self.locations[value], here)
                self.locations[value] = here

    def copy_results(self, results: Sequence[Value], late: Sequence[Update]) -> None:
        """Copies of results that are several outputs; those that overwrite inputs come last."""
        rest = [update.output for update in late]
        for output in [*(o for o in range(len(results)) if o not in rest), *rest]:
            owner = self.landing.get(output, -1)
            here = Location(Place("output", output), self.input_marks()[owner] if owner >= 0 else (), owner)
            source = self.locations[results[output]]
            if output in rest or (source.place != here.place and results[output][0].op.name != "input"):
                self.copy(self.graph.outputs[output].tensor, source, here)

    def copy(self, type: TensorType, source: Location, here: Location) -> None:
        x = make_input("x", type)
        self.launch(Graph("copy", (x,), (), (x,)), [source], [here])
