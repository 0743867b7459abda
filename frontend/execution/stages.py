"""Every stage of a program, from the traced graph to machine code, as text: what `brasa ir` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from brasa import passes
from brasa.ir.errors import DeviceError
from brasa.ir.graph import Graph
from brasa.ir.kernel import Kernel
from brasa.ir.program import Program, Signature
from brasa.ir.program_text import print_program
from brasa.ir.sizes import graph_symbols
from brasa.ir.target import Target
from brasa.passes import PIPELINE
from brasa.passes.pipeline import Pass

if TYPE_CHECKING:
    from brasa.codegen.schedules import Ways

# The graph stages, each with the pass of the pipeline after which it is reached.
GRAPH_STAGES = {"traced": "", "autodiff": "inline", "optimized": PIPELINE[-2][0], "fused": "fuse"}
# The others, each with what its text is: the ending of a file's name.
CODE_STAGES = {"kernels": "txt", "memory": "txt", "llvm": "ll", "asm": "s", "cuda": "cu"}
STAGES = (*GRAPH_STAGES, *CODE_STAGES)
NOMINAL = 64  # what named sizes are where a text shows numbers of bytes


PASSES = dict(PIPELINE)
Choose: TypeAlias = "Callable[[Ways], Mapping[str, Any]]"
_MODULE_LINES = 1000  # of LLVM text, which take a thirtieth of a second to compile


class Stages:
    """A program at all its stages, each made when it is asked for. times: the seconds that each step took.

    pipeline: the passes, under the names that they have in PIPELINE. clocks: machine code notes the times of launches.
    choose: says how a kernel is made that can be made in several ways; the cost model, if nobody does.
    """

    def __init__(
        self, traced: Graph, processor: str = "", check: bool = True,
        pipeline: Sequence[tuple[str, Pass]] = PIPELINE, clocks: bool = False, choose: Choose | None = None,
    ) -> None:  # fmt: skip
        self.times: dict[str, float] = {}
        self._traced, self._processor, self._check, self._pipeline = traced, processor, check, pipeline
        self._graphs: list[tuple[str, Graph]] = []
        self._clocks, self._choose = clocks, choose
        self._lowered: Program | None = None

    # graphs

    def graph(self, stage: str) -> Graph:
        """The graph at one of GRAPH_STAGES."""
        return self.after(GRAPH_STAGES[stage]) if GRAPH_STAGES[stage] else self._traced

    def after(self, name: str) -> Graph:
        """The graph after the pass of that name; if it stands in the pipeline more than once, after the last."""
        count = max(number for number, (each, _) in enumerate(self._pipeline, 1) if each == name)
        return self._passed(count)[-1][1]

    def run(self, names: Sequence[str]) -> Graph:
        """The graph after these passes, verified after each."""
        return passes.run(self._traced, [(name, PASSES[name]) for name in names], self._note_time, check=True)

    def _passed(self, count: int) -> list[tuple[str, Graph]]:
        """The first passes of the pipeline with their graphs; each runs once."""
        done = len(self._graphs)

        def observe(name: str, graph: Graph, seconds: float) -> None:
            self._graphs.append((name, graph))
            self._note_time(name, graph, seconds)

        latest = self._graphs[-1][1] if done else self._traced
        passes.run(latest, self._pipeline[done:count], observe, self._check)
        return self._graphs[:count]

    def _note_time(self, name: str, graph: Graph, seconds: float) -> None:
        self.times[name] = self.times.get(name, 0.0) + seconds

    # code; what makes it is imported here, so that graphs are shown without waiting for LLVM

    @cached_property
    def _target(self) -> Target:
        from brasa.codegen.llvm import host_target

        return host_target(self._processor)

    @property
    def signature(self) -> Signature:
        """How the program is called."""
        return self.program.signature

    @cached_property
    def object_files(self) -> tuple[bytes, ...]:
        """The machine code of the program: LLVM compiles kernels while later ones are being made."""
        from brasa.codegen.llvm import Compilation, Modules

        modules = Modules(self._target, _MODULE_LINES, self._clocks)
        with Compilation(self._target, 3) as compilation:

            def take(kernel: Kernel) -> None:
                with self._timed("llvm"):
                    module = modules.add(kernel)
                if module is not None:
                    compilation.add(module)

            if self._lowered is None:
                program = self._lower(take)
            else:
                program = self._lowered
                for kernel in program.kernels:
                    take(kernel)
            with self._timed("llvm"):
                *kernels, last = modules.finish(program)
            with self._timed("object"):
                for module in kernels:
                    compilation.add(module)
                return compilation.finish(last, 0 if kernels else 3)

    @property
    def program(self) -> Program:
        """Kernels, launches, and the memory plan."""
        return self._lowered or self._lower(lambda kernel: None)

    def _lower(self, made: Callable[[Kernel], object]) -> Program:
        """Make the program; `made` is told of each kernel as soon as there is one."""
        from brasa.codegen.schedules import COST_MODEL, lower

        fused = self.graph("fused")
        before = self.times.get("llvm", 0.0)
        with self._timed("kernels"):
            program = lower(fused, self._target, made=made, choose=self._choose or (lambda ways: COST_MODEL))
        self.times["kernels"] -= self.times.get("llvm", 0.0) - before
        with self._timed("memory"):
            self._lowered = passes.plan_memory(program)
        return self._lowered

    @cached_property
    def _llvm(self) -> str:
        from brasa.codegen.llvm import emit_program

        program = self.program
        with self._timed("llvm"):
            return emit_program(program, self._target)

    @cached_property
    def _assembly(self) -> str:
        from brasa.codegen.llvm import assembly

        text = self._llvm
        with self._timed("asm"):
            return assembly(text, self._target)

    @cached_property
    def _cuda(self) -> str:
        from brasa.codegen.cuda import emit_cuda
        from brasa.codegen.schedules.cuda import lower_for_gpu

        fused = self.graph("fused")
        with self._timed("cuda"):
            return emit_cuda(lower_for_gpu(fused))

    def text(self, stage: str) -> str:
        """The text of one of STAGES."""
        if stage in GRAPH_STAGES:
            return str(self.graph(stage))
        match stage:
            case "kernels":
                text = "\n\n".join(map(str, self.program.kernels))
            case "memory":
                text = self._memory_text()
            case "llvm":
                text = self._llvm
            case "asm":
                text = self._assembly
            case _:
                text = self._cuda
        return text.rstrip("\n")

    def _memory_text(self) -> str:
        program, names = self.program, graph_symbols(self._traced)
        at = f" at {', '.join(f'{name} = {NOMINAL}' for name in names)}" if names else ""
        report = passes.report_memory(program, dict.fromkeys(names, NOMINAL))
        return f"{print_program(program)}\n\nmemory{at}\n{report}"

    def all_texts(self) -> dict[str, str]:
        """Every stage and every pass's result, by numbered names for files."""
        texts = [("traced.txt", self.text("traced"))]
        texts += [(f"{name}.txt", str(graph)) for name, graph in self._passed(len(self._pipeline))]
        texts += [(f"{stage}.{ending}", self._text_or_reason(stage)) for stage, ending in CODE_STAGES.items()]
        return {f"{number:02}-{name}": text for number, (name, text) in enumerate(texts)}

    def _text_or_reason(self, stage: str) -> str:
        """The text, or why there is none: not everything has a schedule for a GPU."""
        try:
            return self.text(stage)
        except DeviceError as error:
            return f"// {error}"

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.times[step] = self.times.get(step, 0.0) + perf_counter() - start
