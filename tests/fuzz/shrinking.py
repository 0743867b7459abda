"""Makes a program that fails smaller, as long as it fails in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.program import Program, names

_NAME = re.compile(r"\b[vx]\d+\b")


def shrink(program: Program, fails: Callable[[Program], bool], tries: int = 300) -> Program:
    """The smallest program found that still fails; each try runs it once."""
    smaller = True
    while smaller and tries > 0:
        smaller = False
        for candidate in _candidates(program):
            tries -= 1
            if tries < 0:
                break
            if fails(candidate):
                program, smaller = candidate, True
                break
    return program


def _candidates(program: Program) -> Iterator[Program]:
    """Programs that are smaller by one step, the largest steps first."""
    for output in program.outputs if len(program.outputs) > 1 else ():
        yield replace(program, outputs=(output,))
    for count in range(1, len(program.sizes)):
        yield replace(program, sizes=program.sizes[count:])
    yield from (replace(program, sizes=program.sizes[:-1]) for _ in program.sizes[1:2])
    for number in range(len(program.body)):
        yield program.without(number)
    for output in program.outputs if len(program.outputs) > 2 else ():
        yield replace(program, outputs=tuple(each for each in program.outputs if each != output))
    unused = [each for each in program.inputs if not any(each.name in names(line)[1] for line in program.body)]
    for each in unused if len(program.inputs) > 1 else ():
        if each.name not in program.outputs:
            yield replace(program, inputs=tuple(one for one in program.inputs if one is not each))
    yield from _plainer_inputs(program)
    yield from _shorter_ways(program)


def _plainer_inputs(program: Program) -> Iterator[Program]:
    for number, each in enumerate(program.inputs):
        for change in ({"special": False}, {"layout": ""}, {"requires_grad": False}, {"dtype": "float32"}):
            plainer = replace(each, **change)  # type: ignore[arg-type]
            if plainer != each:
                yield replace(program, inputs=(*program.inputs[:number], plainer, *program.inputs[number + 1 :]))


def _shorter_ways(program: Program) -> Iterator[Program]:
    """A statement that reads an earlier value than the one that it read."""
    for number, line in enumerate(program.body):
        earlier = [each.name for each in program.inputs]
        for name in sorted(names(line)[1] & set(_NAME.findall(line))):
            made = next((i for i, other in enumerate(program.body[:number]) if name in names(other)[0]), None)
            if made is None:
                continue
            for instead in earlier:
                changed = re.sub(rf"\b{name}\b", instead, line)
                if instead in names(changed)[0]:
                    continue
                body = (*program.body[:number], changed, *program.body[number + 1 :])
                yield replace(program, body=body)
