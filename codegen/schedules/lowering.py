"""Lowers a fused graph to a program: a kernel for each kind of region, launches, and where every value lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from brasa.codegen.schedules.commit import Update, commit_order
from brasa.codegen.schedules.generalize import generalized
from brasa.codegen.schedules.regions import CPU_SCHEDULES, Schedules, lower_region, region_key, region_symbols
from brasa.codegen.schedules.writer import COST_MODEL, Layouts, Lowered, Marks, OperandStride, Wanted, Ways
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Kind, Node, item_types
from brasa.ir.kernel import Kernel
from brasa.ir.ops.index import checked, reader
from brasa.ir.ops.nested import cond, hidden_results, while_
from brasa.ir.ops.source import make_input
from brasa.ir.program import (
    Branch,
    CheckNote,
    HostStep,
    Input,
    Launch,
    Loop,
    Part,
    Place,
    Program,
    Signature,
    SizeValue,
    Step,
    Stride,
    all_steps,
)
from brasa.ir.target import Target
from brasa.ir.types import TensorType

Value: TypeAlias = tuple[Node, int]
_SPECIALISED = 8  # kernels that know their sizes, of regions that differ in these only
_CALLS = (Kind.HOST, Kind.NESTED)  # besides regions, what computes


@dataclass(frozen=True)
class Location:
    """Where a value lies; marks and, for run-time strides, the program input that has them."""

    place: Place
    marks: Marks = ()
    owner: int = -1


def lower(
    graph: Graph,
    target: Target,
    schedules: Schedules = CPU_SCHEDULES,
    made: Callable[[Kernel], object] = lambda kernel: None,
    choose: Callable[[Ways], Wanted] = lambda ways: COST_MODEL,
) -> Program:
    """The program that computes a graph of fused nodes, host ops, loops, branches, row-major reshapes, and items.

    made: is told of each kernel as soon as there is one. choose: says how regions are lowered for which there are
    several ways.
    """
    shared = _Shared(target, schedules, made, choose)
    inputs = [Location(Place("input", i), node.attrs.get("strides", ()), i) for i, node in enumerate(graph.inputs)]
    outputs = [Place("output", i) for i in range(len(graph.outputs))]
    lowering = _Lowering(graph, shared, inputs, outputs)
    launches = lowering.run()
    unsure = {place for step in all_steps(launches[: lowering.unsure]) for place in step.touched}
    sizes = dict.fromkeys(size for step in all_steps(launches) for size in step.sizes if not isinstance(size, int))
    signature = Signature(
        graph.name,
        tuple(Input(n.attrs["name"], n.tensor, n.attrs.get("strides", ())) for n in graph.inputs),
        tuple(output.tensor for output in graph.outputs),
        graph.updates, tuple(sizes), (), tuple(shared.notes), tuple(shared.steps),
        sure=tuple(place.index for place in outputs if place not in unsure),
    )  # fmt: skip
    return Program(signature, tuple(launches), tuple(shared.temporaries))


class _Shared:
    """What the graph of a program and the graphs that it holds have together."""

    def __init__(
        self, target: Target, schedules: Schedules, made: Callable[[Kernel], object], choose: Callable[[Ways], Wanted]
    ) -> None:  # fmt: skip
        self.target, self.schedules, self.made, self.choose = target, schedules, made, choose
        self.temporaries: list[Size] = []
        self.parts = 0
        self.kernels: dict[str, tuple[Lowered, tuple[str, ...]]] = {}
        self.known: dict[str, tuple[Lowered, Mapping[str, Size]]] = {}
        self.families: dict[str, int] = {}
        self.names: dict[str, int] = {}
        self.notes: list[CheckNote] = []
        self.steps: dict[HostStep, None] = {}

    def temporary(self, nbytes: Size) -> Place:
        """Room for one more value."""
        self.temporaries.append(nbytes)
        return Place("temporary", len(self.temporaries) - 1)

    def part(self, base: Place, type: TensorType, length: Size, reverse: bool) -> Part:
        """What a loop of that length sees of a value that holds one tensor of the type for each step."""
        self.parts += 1
        nbytes = type.nbytes
        return Part(self.parts - 1, base, (length - 1) * nbytes if reverse else 0, -nbytes if reverse else nbytes)

    def kernel(self, region: Graph, layouts: Layouts) -> tuple[Lowered, Mapping[str, Size]]:
        """The kernel of equal regions, made if there is none, and what the sizes that it names are in this region."""
        symbols = region_symbols(region)
        key = region_key(region, layouts, symbols)
        own = {f"s{i}": dim.symbol(name) for i, name in enumerate(symbols)}
        if key not in self.known:
            self.known[key] = self.shared_kernel(region, layouts, key, symbols, own)
        lowered, numbered = self.known[key]
        values = {name: dim.substitute(size, own) for name, size in numbered.items()}
        return lowered, {name: size for name, size in values.items() if size != dim.symbol(name)}

    def shared_kernel(
        self, region: Graph, layouts: Layouts, key: str, symbols: tuple[str, ...], own: Mapping[str, Size]
    ) -> tuple[Lowered, Mapping[str, Size]]:
        """As `kernel`, with s0, s1 and so on for the region's own sizes: so a region of its family may give it."""
        values: Mapping[str, Size] = {name: dim.symbol(f"s{i}") for i, name in enumerate(symbols)}
        if (general := generalized(region)) is not None:
            names = region_symbols(general[0])
            family = region_key(general[0], layouts, names)
            count = self.families[family] = self.families.get(family, 0) + 1
            if count > _SPECIALISED:
                values = {name: dim.substitute(size, values) for name, size in general[1].items()}
                region, key, symbols = general[0], family, names
        if key not in self.kernels:
            make = partial(lower_region, region, layouts, self.target, self.schedules)
            new = make()
            sizes = {name: dim.substitute(size, own) for name, size in values.items()}
            if new.options and (wanted := self.choose(Ways(region, layouts, key, sizes, new, make))):
                new = make(wanted)
            new = self.renamed(new)
            self.kernels[key] = new, symbols
            self.made(new.kernel)
        lowered, its_symbols = self.kernels[key]
        return lowered, {its: values[mine] for its, mine in zip(its_symbols, symbols, strict=True)}

    def renamed(self, lowered: Lowered) -> Lowered:
        """The kernel under a name that no other kernel has."""
        name = lowered.kernel.name
        count = self.names[name] = self.names.get(name, 0) + 1
        return lowered if count == 1 else replace(lowered, kernel=replace(lowered.kernel, name=f"{name}_{count}"))


class _Lowering:
    """Lowers one graph: the program's own, or one that it holds. homes: where its outputs are to lie."""

    def __init__(self, graph: Graph, shared: _Shared, inputs: Sequence[Location], homes: Sequence[Place]) -> None:
        self.graph, self.shared, self.homes = graph, shared, homes
        self.landing = dict(graph.updates)
        self.input_marks: list[Marks] = [node.attrs.get("strides", ()) for node in graph.inputs]
        self.calls = [node for node in graph.nodes if node.op.name == "fused" or node.op.kind in _CALLS]
        self.locations: dict[Value, Location] = {
            (node, 0): location for node, location in zip(graph.inputs, inputs, strict=True)
        }
        self.launches: list[Step] = []
        self.unsure = 0  # how many of the steps run while checks may fail

    def run(self) -> list[Step]:
        """The steps that compute the graph's outputs from its inputs."""
        results = [self.resolve(output) for output in self.graph.outputs]
        renamed = self.renamed_values()
        updates = [
            Update(output, input, *results[output], results[output] in renamed)
            for output, input in self.graph.updates
            if results[output][0] is not self.graph.inputs[input]
        ]
        order, in_place, unsure = commit_order(
            self.graph, self.shared.target, self.calls, self.resolve, updates, self.input_marks
        )
        done = set(in_place)
        late = [update for update in updates if update not in done]
        writing: dict[Node, list[Update]] = {}
        for update in in_place:
            writing.setdefault(update.node, []).append(update)
        self.place_outputs(results, in_place, late)
        self.copy_inputs(results, late)
        for number, call in enumerate(order, 1):
            if call.op.kind is Kind.HOST:
                self.launch_step(call)
            elif call.op.kind is Kind.NESTED:
                self.launch_nested(call)
            else:
                self.launch_call(call, writing.get(call, ()))
            if number == unsure:
                self.unsure = len(self.launches)
        self.copy_results(results, late)
        return self.launches

    # Where values lie

    def resolve(self, node: Node) -> Value:
        """The input or result of a call whose memory a value lies in."""
        index = 0
        while node.op.name in ("reshape", "item") or node.op.kind is Kind.COMPLEX:
            index = node.attrs.get("index", index)
            node = node.operands[0]
        if node.op.name not in ("fused", "input") and node.op.kind not in _CALLS:
            raise GraphError(f"{node.op.name} stands outside a region")
        return node, index

    def is_renamed(self, node: Node) -> bool:
        here = node.op.name == "reshape" or node.op.kind is Kind.COMPLEX
        return here or (node.op.name == "item" and self.is_renamed(node.operands[0]))

    def renamed_values(self) -> set[Value]:
        """The values that something takes in another shape than theirs, or must have row-major."""
        takers = [(call, operand) for call in self.calls for operand in call.operands]
        taken = [operand for call, operand in takers if call.op.kind in _CALLS or self.is_renamed(operand)]
        return {*map(self.resolve, taken), *map(self.resolve, filter(self.is_renamed, self.graph.outputs))}

    def place_outputs(self, results: Sequence[Value], in_place: Sequence[Update], late: Sequence[Update]) -> None:
        """Every result lies in the input that it updates in place, else in an output, else in a temporary."""
        first, last = (dict.fromkeys(update.output for update in updates) for updates in (in_place, late))
        for output in [*first, *(o for o in range(len(results)) if o not in last)]:
            value, owner = results[output], self.landing.get(output, -1)
            if value not in self.locations:
                marks = self.input_marks[owner] if owner >= 0 else ()
                self.locations[value] = Location(self.homes[output], marks, owner)
        for call in self.calls:
            for index, type in enumerate(item_types(call.type)):
                if (call, index) not in self.locations:
                    self.locations[call, index] = Location(self.shared.temporary(type.nbytes))

    # Launches

    def launch_step(self, call: Node) -> None:
        """Append a host op: it reads and writes row-major memory."""
        results = item_types(call.type)
        attrs = tuple((key, value) for key, value in call.attrs.items() if key != "type")
        step = HostStep(call.op.name, tuple(x.tensor for x in call.operands), results, attrs)
        self.shared.steps[step] = None
        places = [self.locations[self.resolve(operand)].place for operand in call.operands]
        places += [self.locations[call, index].place for index in range(len(results))]
        self.shared.notes.append(CheckNote(call.op.name, call.where, 0))
        self.launches.append(Launch(step, tuple(places), step.sizes, (len(self.shared.notes) - 1,), call.where))

    def launch_nested(self, call: Node) -> None:
        """Append a loop or a branch: its graphs are lowered where they stand, over the memory of the operands."""
        sources = [self.locations[self.resolve(operand)].place for operand in call.operands]
        results = [self.locations[call, index].place for index in range(len(item_types(call.type)))]
        if call.op is cond:
            graphs = (call.attrs[name] for name in ("then", "otherwise"))
            then, otherwise = (self.lower_body(graph, sources[1:], results) for graph in graphs)
            self.launches.append(Branch(sources[0], then, otherwise, call.where))
            return
        carries, hidden = call.attrs["carries"], hidden_results(call)
        types = [operand.tensor for operand in call.operands[:carries]]
        now, later = ([self.shared.temporary(type.nbytes) for type in types] for _ in range(2))
        for type, source, here in zip(types, sources, now, strict=False):
            self.copy(type, Location(source), Location(here))
        self.launches.append(self.loop(call, now, later, sources[carries:], results[carries - hidden :]))
        read = {user.attrs["index"] for user in self.graph.users[call] if user.op.name == "item"} or {0}
        for index, (type, here) in enumerate(zip(types[hidden:], now[hidden:], strict=True)):
            if index in read:
                self.copy(type, Location(here), Location(results[index]))

    def loop(
        self, call: Node, now: list[Place], later: list[Place], sources: list[Place], stacked: list[Place]
    ) -> Loop:  # fmt: skip
        """A `scan` or `while` whose carries lie in `now`; its graph leaves new ones in `later`."""
        body: Graph = call.attrs["graph"]
        swaps = tuple(zip(now, later, strict=True))
        if call.op is while_:
            steps = self.lower_body(body, [*now, *sources], later)
            return Loop(steps, None, now[0], (), swaps, call.where)
        carries, length, reverse = len(now), call.attrs["length"], call.attrs["reverse"]
        over = call.attrs["sequences"]
        read, written = (
            [self.shared.part(base, node.tensor, length, reverse) for base, node in zip(bases, nodes, strict=True)]
            for bases, nodes in (
                (sources[:over], body.inputs[carries : carries + over]), (stacked, body.outputs[carries:]),
            )
        )  # fmt: skip
        inside = [*now, *(part.place for part in read), *sources[over:]]
        steps = self.lower_body(body, inside, [*later, *(part.place for part in written)])
        return Loop(steps, length, None, (*read, *written), swaps, call.where)

    def lower_body(self, body: Graph, inputs: Sequence[Place], outputs: Sequence[Place]) -> tuple[Step, ...]:
        return tuple(_Lowering(body, self.shared, list(map(Location, inputs)), outputs).run())

    def launch_call(self, call: Node, in_place: Sequence[Update]) -> None:
        region: Graph = call.attrs["graph"]
        sources = [self.locations[self.resolve(operand)] for operand in call.operands]
        results = [self.locations[call, index] for index in range(len(item_types(call.type)))]
        shared = tuple(
            (update.index, number)
            for update in in_place
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
        notes = self.shared.notes
        lowered, renaming = self.shared.kernel(region, layouts)
        scratch = [self.shared.temporary(dim.substitute(nbytes, renaming)) for nbytes in lowered.scratch]
        at = {"input": [s.place for s in sources], "output": [r.place for r in results], "temporary": scratch}
        owners = {"input": [s.owner for s in sources], "output": [r.owner for r in results]}

        def size_value(size: Size | OperandStride) -> SizeValue:
            if isinstance(size, OperandStride):
                return Stride(owners[size.place.role][size.place.index], size.axis)
            return dim.substitute(size, renaming)

        first = len(notes)
        notes += [self.note(region.nodes[number], region, sources) for number in lowered.checks]
        self.launches.append(Launch(
            lowered.kernel, tuple(at[place.role][place.index] for place in lowered.buffers),
            tuple(map(size_value, lowered.sizes)), tuple(range(first, len(notes))), where, region,
        ))  # fmt: skip

    def note(self, node: Node, region: Graph, sources: Sequence[Location]) -> CheckNote:
        """What a failed check of a node says."""
        number, least, bound = checked(node)
        places = node.operands[number]
        while places.op.name in ("reshape", "expand"):
            places = places.operands[0]
        found = sources[region.inputs.index(places)].place if places in region.inputs else None
        input = found.index if found is not None and found.role == "input" else None
        return CheckNote(reader(node), node.where, bound, input, least, node.attrs.get("fact", ""))

    def copy_inputs(self, results: Sequence[Value], late: Sequence[Update]) -> None:
        """Copies of inputs that are results, before anything overwrites them."""
        updated = {self.graph.inputs[input] for _, input in self.graph.updates}
        for output, value in enumerate(results):
            if value[0].op.name == "input" and output not in self.landing:
                self.copy(self.graph.outputs[output].tensor, self.locations[value], Location(self.homes[output]))
        for value in dict.fromkeys(results[update.output] for update in late):
            if value[0] in updated:
                here = Location(self.shared.temporary(value[0].tensor.nbytes))
                self.copy(value[0].tensor, self.locations[value], here)
                self.locations[value] = here

    def copy_results(self, results: Sequence[Value], late: Sequence[Update]) -> None:
        """Copies of results that are several outputs; those that overwrite inputs come last."""
        rest = dict.fromkeys(update.output for update in late)
        for output in [*(o for o in range(len(results)) if o not in rest), *rest]:
            owner = self.landing.get(output, -1)
            here = Location(self.homes[output], self.input_marks[owner] if owner >= 0 else (), owner)
            source = self.locations[results[output]]
            if output in rest or (source.place != here.place and results[output][0].op.name != "input"):
                self.copy(self.graph.outputs[output].tensor, source, here)

    def copy(self, type: TensorType, source: Location, here: Location) -> None:
        x = make_input("x", type)
        self.launch(Graph("copy", (x,), (), (x,)), [source], [here])
