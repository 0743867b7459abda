"""Programs as text: where every value lies, and the kernels as they run, in loops and branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from brasa.ir.program import Launch, Loop, Place, Program, Step

_NAMES = {"output": "result", "temporary": "t", "part": "part"}


def print_program(program: Program) -> str:
    """The program's text: slots of the arena with what lies in them, then launches."""
    signature = program.signature
    inputs = [
        f"{each.name}: {each.type}" + (f" strides({','.join(each.strides)})" if each.strides else "")
        for each in signature.inputs
    ]
    head = f"program {signature.name}({', '.join(inputs)}) {{"
    if len(head) > 120:
        head = f"program {signature.name}(\n    " + ",\n    ".join(inputs) + "\n) {"
    return "\n".join([
        head,
        *_memory(program),
        *_steps(program.launches, program, "  "),
        f"  return {', '.join(_output(program, index) for index in range(len(signature.outputs)))}",
        "}",
    ])  # fmt: skip


def _memory(program: Program) -> Iterator[str]:
    lives = program.signature.lives
    for slot, nbytes in enumerate(program.signature.slots):
        held = [index for index, where in enumerate(program.slots) if where == slot]
        values = ", ".join(f"t{index} ({program.temporaries[index]} bytes)" for index in held)
        life = " in launches {} to {}".format(*lives[slot]) if lives else ""
        yield f"  slot {slot}: {nbytes} bytes{life}  # {values}"


def _steps(steps: Iterable[Step], program: Program, indent: str) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Launch):
            yield _placed(indent + _launch(step, program), step.where)
            continue
        inner = indent + "  "
        if isinstance(step, Loop):
            times = "" if step.extent is None else f" {step.extent} times"
            holds = "" if step.flag is None else f" while {_place(step.flag, program)}"
            yield _placed(f"{indent}loop{times}{holds} {{", step.where)
            for part in step.parts:
                moves = f"{part.start} + iteration * ({part.step})"
                yield f"{inner}{_place(part.place, program)} = {_place(part.base, program)} at bytes {moves}"
            yield from _steps(step.steps, program, inner)
            if step.swaps:
                pairs = (f"{_place(one, program)} and {_place(other, program)}" for one, other in step.swaps)
                yield f"{inner}swap {', '.join(pairs)}"
        else:
            yield _placed(f"{indent}if {_place(step.flag, program)} {{", step.where)
            yield from _steps(step.then, program, inner)
            yield f"{indent}}} else {{"
            yield from _steps(step.otherwise, program, inner)
        yield f"{indent}}}"


def _placed(text: str, where: str) -> str:
    return f"{text:<64} # {where}" if where else text


def _launch(launch: Launch, program: Program) -> str:
    places = ", ".join(
        f"{buffer.access} {_place(place, program)}"
        for buffer, place in zip(launch.kernel.arguments, launch.buffers, strict=True)
    )
    return f"{launch.kernel.name}({places}; {', '.join(map(str, launch.sizes))})"


def _place(place: Place, program: Program) -> str:
    if place.role == "input":
        return program.signature.inputs[place.index].name
    return f"{_NAMES[place.role]}{place.index}"


def _output(program: Program, index: int) -> str:
    signature = program.signature
    updated = dict(signature.updates).get(index)
    into = "" if updated is None else f" into {signature.inputs[updated].name}"
    return f"result{index}: {signature.outputs[index]}{into}"
