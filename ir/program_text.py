"""Programs as text: where every value lies, and the kernels in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator

from brasa.ir.program import Launch, Place, Program


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
        *(_launch(launch, program) for launch in program.launches),
        f"  return {', '.join(_output(program, index) for index in range(len(signature.outputs)))}",
        "}",
    ])  # fmt: skip


def _memory(program: Program) -> Iterator[str]:
    for slot, nbytes in enumerate(program.signature.slots):
        held = [index for index, where in enumerate(program.slots) if where == slot]
        values = ", ".join(f"t{index} ({program.temporaries[index]} bytes)" for index in held)
        yield f"  slot {slot}: {nbytes} bytes  # {values}"


def _launch(launch: Launch, program: Program) -> str:
    places = ", ".join(
        f"{buffer.access} {_place(place, program)}"
        for buffer, place in zip(launch.kernel.arguments, launch.buffers, strict=True)
    )
    text = f"  {launch.kernel.name}({places}; {', '.join(map(str, launch.sizes))})"
    return f"{text:<64} # {launch.where}" if launch.where else text


def _place(place: Place, program: Program) -> str:
    if place.role == "input":
        return program.signature.inputs[place.index].name
    return f"{'result' if place.role == 'output' else 't'}{place.index}"


def _output(program: Program, index: int) -> str:
    signature = program.signature
    updated = dict(signature.updates).get(index)
    into = "" if updated is None else f" into {signature.inputs[updated].name}"
    return f"result{index}: {signature.outputs[index]}{into}"
