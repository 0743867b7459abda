"""Loads and stores: one element, LANES neighbours, or LANES places one by one."""

from __future__ import annotations

from functools import reduce

from brasa.codegen.llvm.conversions import suffix
from brasa.codegen.llvm.halves import convert_lanes
from brasa.codegen.llvm.values import ZERO, Linear, Result, Value, constant_of, is_uniform, memory_type, numbers
from brasa.codegen.llvm.writer import Writer
from brasa.ir.dtype import DType
from brasa.ir.kernel import LANES

# An element that so many lanes want, or fewer, is loaded for all of them.
_REPEATED = 4
_LINE = 64  # bytes


def address(writer: Writer, pointer: Value, type: str, index: Linear) -> Value:
    """Where element `index` lies; what outer loops know of it is added in them."""
    for depth in sorted({term.depth for term in index.terms}):
        part = Linear({term: count for term, count in index.terms.items() if term.depth == depth})
        offset = writer.scalar(part)
        pointer = writer.pure("ptr", 1, f"getelementptr {type}, {pointer}, {offset}", pointer, offset)
    if index.constant:
        pointer = writer.pure("ptr", 1, f"getelementptr {type}, {pointer}, i64 {index.constant}", pointer)
    return pointer


def load(
    writer: Writer, pointer: Value, dtype: DType, index: Result, mask: Value | None, version: str, *, is_own: bool
) -> Value:
    """The elements at `index`, 0 where the mask is false; equal loads of one `version` of the memory happen once.

    is_own: whether the mask is the load's own, so that it may be false for all lanes.
    """
    type = memory_type(dtype)
    if isinstance(index, Value) and index.lanes == 1:
        index = writer.linear(index)
    if isinstance(index, Linear) and index.step is None:
        raw = _load_one(writer, pointer, type, index, mask, version)
    elif isinstance(index, Linear) and index.fixed_step == 1:
        raw = _load_neighbours(writer, address(writer, pointer, type, index.base), type, mask, version, is_own=is_own)
    elif isinstance(index, Linear) and index.fixed_step in (-1, 2):
        raw = _load_spaced(writer, pointer, type, index, mask, version, is_own=is_own)
    elif isinstance(index, Linear) and index.step is not None and index.step.number == 1 and index.repeat <= _REPEATED:
        raw = _load_repeated(writer, pointer, type, index, mask, version, is_own=is_own)
    else:
        raw = _gather(writer, pointer, type, index, mask, version)
    if dtype.kind != "bool":
        return raw
    return writer.pure("i1", raw.lanes, f"icmp ne {raw}, {constant_of(0, 'i8', raw.lanes).text}", raw)


def _load_one(writer: Writer, pointer: Value, type: str, index: Linear, mask: Value | None, version: str) -> Value:
    place = address(writer, pointer, type, index)
    if mask is None:
        return writer.read(type, 1, f"load {type}, {place}, align {_bytes(type)}", f"{version} {type} {place.text}")
    place = _choose_place(writer, mask if mask.lanes == 1 else any_lane(writer, mask), place)
    value = writer.read(type, 1, f"load {type}, {place}, align {_bytes(type)}", f"{version} {type} {place.text}")
    if mask.lanes == 1:
        return value
    spread, zero = writer.vector(value), constant_of(0, type, LANES)
    return writer.pure(type, LANES, f"select {mask}, {spread}, {zero}", mask, spread)


def any_lane(writer: Writer, mask: Value) -> Value:
    """Whether the mask has a lane."""
    bits = writer.pure(f"i{LANES}", 1, f"bitcast {mask} to i{LANES}", mask)
    return writer.pure("i1", 1, f"icmp ne {bits}, 0", bits)


def _choose_place(writer: Writer, wanted: Value, place: Value) -> Value:
    """The place, or a zero of the function's own where nothing may be touched."""
    safe = writer.safe_place()
    if wanted.number is not None:
        return place if wanted.number else safe
    return writer.pure("ptr", 1, f"select {wanted}, {place}, {safe}", wanted, place, safe)


def _load_neighbours(
    writer: Writer, place: Value, type: str, mask: Value | None, version: str, *, is_own: bool = False
) -> Value:
    full = f"<{LANES} x {type}>"
    if mask is None:
        text = f"load {full}, {place}, align {_bytes(type)}"
        return writer.read(type, LANES, text, f"{version} {full} {place.text}")
    if is_own and not any(mask.constants):  # memory that is not there makes a load slow, though it loads nothing
        place = _choose_place(writer, mask if mask.lanes == 1 else any_lane(writer, mask), place)
    mask = writer.vector(mask)
    name = f"llvm.masked.load.{suffix(type, LANES)}.p0"
    writer.declare(f"declare {full} @{name}(ptr, <{LANES} x i1>, {full})")
    where = f"ptr align {_bytes(type)} {place.text}"
    text = f"call {full} @{name}({where}, {mask}, {full} zeroinitializer)"
    return writer.read(type, LANES, text, f"{version} {full} {place.text} {mask.text}")


def _load_spaced(
    writer: Writer, pointer: Value, type: str, index: Linear, mask: Value | None, version: str, *, is_own: bool
) -> Value:
    """Neighbours backwards, or every second element: whole vectors with no element beyond the last, and a shuffle."""
    base = address(writer, pointer, type, index.base)
    if mask is not None and is_own and not any(mask.constants):
        base = _choose_place(writer, mask if mask.lanes == 1 else any_lane(writer, mask), base)
    if index.fixed_step == -1:
        starts, wanted = [1 - LANES], [list(reversed(range(LANES)))]
        places = wanted[0]
    elif mask is None:
        starts, wanted = [0, LANES - 1], []
        places = [*range(0, LANES, 2), *range(LANES + 1, 2 * LANES, 2)]
    else:
        starts, places = [0, LANES], list(range(0, 2 * LANES, 2))
        wanted = [[half + n // 2 if n % 2 == 0 else LANES for n in range(LANES)] for half in (0, LANES // 2)]
    parts = []
    for number, start in enumerate(starts):
        place = address(writer, base, type, Linear({}, start))
        part = None if mask is None else _spread_mask(writer, writer.vector(mask), wanted[number])
        parts.append(_load_neighbours(writer, place, type, part, version))
    order = ", ".join(f"i32 {place}" for place in places)
    return writer.pure(type, LANES, f"shufflevector {parts[0]}, {parts[-1]}, <{LANES} x i32> <{order}>", *parts)


def _load_repeated(
    writer: Writer, pointer: Value, type: str, index: Linear, mask: Value | None, version: str, *, is_own: bool
) -> Value:
    """Neighbours of which each is wanted in several lanes next to each other: no element beyond, and a shuffle."""
    repeat, own = index.repeat, numbers([lane < LANES // index.repeat for lane in range(LANES)], "i1")
    if mask is not None:
        mask = writer.vector(mask)
        every = (
            _spread_mask(writer, mask, [min(lane * repeat + each, LANES) for lane in range(LANES)])
            for each in range(repeat)
        )
        own = reduce(lambda a, b: writer.pure("i1", LANES, f"or {a}, {b.text}", a, b), every)
    place = address(writer, pointer, type, index.base)
    part = _load_neighbours(writer, place, type, own, version, is_own=is_own)
    order = ", ".join(f"i32 {lane // repeat}" for lane in range(LANES))
    found = writer.pure(type, LANES, f"shufflevector {part}, {part}, <{LANES} x i32> <{order}>", part)
    if mask is None:
        return found
    return writer.pure(type, LANES, f"select {mask}, {found}, {constant_of(0, type, LANES)}", mask, found)


def _spread_mask(writer: Writer, mask: Value, lanes: list[int]) -> Value:
    """The mask whose lanes are those of another; one of its number is false."""
    if mask.constants:
        return numbers([lane < LANES and mask.constants[lane] for lane in lanes], "i1")
    order = ", ".join(f"i32 {lane}" for lane in lanes)
    none = constant_of(False, "i1", LANES)
    return writer.pure("i1", LANES, f"shufflevector {mask}, {none}, <{LANES} x i32> <{order}>", mask)


def _gather(writer: Writer, pointer: Value, type: str, index: Result, mask: Value | None, version: str) -> Value:
    full = f"<{LANES} x {type}>"
    key = f"{version} places {type} {pointer.text}"
    mask = None if mask is None else writer.vector(mask)
    value = Value("poison", type, LANES)
    places = _places(writer, pointer, type, index)
    if mask is not None:
        places = [_choose_place(writer, _lane(writer, mask, lane), place) for lane, place in enumerate(places)]
    for lane, place in enumerate(places):
        one = writer.read(type, 1, f"load {type}, {place}, align {_bytes(type)}", f"{key} {place.text}")
        value = writer.pure(type, LANES, f"insertelement {full} {value.text}, {one}, i64 {lane}", value, one)
    return value


def _places(writer: Writer, pointer: Value, type: str, index: Result) -> list[Value]:
    """The address of each lane's element."""
    if isinstance(index, Linear):
        step = index.step or ZERO
        return [address(writer, pointer, type, index.base.plus(step, lane // index.repeat)) for lane in range(LANES)]
    ones = [_lane(writer, index, lane) for lane in range(LANES)]
    return [address(writer, pointer, type, Linear({one: 1})) for one in ones]


def is_aligned(writer: Writer, pointer: Value) -> Value:
    """Whether a line of the caches begins there."""
    within = writer.pure("i64", 1, f"and {writer.pure('i64', 1, f'ptrtoint {pointer} to i64', pointer)}, {_LINE - 1}")
    return writer.pure("i1", 1, f"icmp eq {within}, 0", within)


def store(
    writer: Writer, pointer: Value, dtype: DType, index: Result, value: Result, mask: Value | None,
    streamed: bool = False,
) -> None:  # fmt: skip
    """Write the value to the elements at `index` where the mask is true.

    streamed: vectors go past the caches. The atomic operation with which a thread says that it is done waits for them.
    """
    type = memory_type(dtype)
    if isinstance(index, Value) and index.lanes == 1:
        index = writer.linear(index)
    parts = [value] if mask is None else [value, mask]
    if isinstance(index, Linear) and index.step is None and all(map(is_uniform, parts)):
        _store_one(
            writer, address(writer, pointer, type, index), type, _stored(writer, writer.scalar(value), dtype), mask
        )
        return
    elements = _stored(writer, writer.vector(value), dtype)
    if isinstance(index, Linear) and index.fixed_step == 1:
        _store_neighbours(writer, address(writer, pointer, type, index.base), type, elements, mask, streamed)
        return
    mask = None if mask is None else writer.vector(mask)
    for lane, place in enumerate(_places(writer, pointer, type, index)):
        one = _lane(writer, elements, lane)
        _store_one(writer, place, type, one, None if mask is None else _lane(writer, mask, lane))


def prefetch(writer: Writer, pointer: Value, dtype: DType, index: Linear, cache: int) -> None:
    """Bring the line of an element into the first or second cache."""
    place = address(writer, pointer, memory_type(dtype), index.base)
    writer.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    writer.effect(f"call void @llvm.prefetch.p0({place}, i32 0, i32 {4 - cache}, i32 1)")


def _lane(writer: Writer, vector: Value, lane: int) -> Value:
    if vector.numbers is not None:
        return constant_of(vector.numbers[lane], vector.type)
    return writer.pure(vector.type, 1, f"extractelement {vector}, i64 {lane}", vector)


def _store_one(writer: Writer, place: Value, type: str, value: Value, mask: Value | None) -> None:
    if mask is not None and mask.number is False:
        return
    if mask is not None and mask.number is None:
        safe = writer.waste_place()
        place = writer.pure("ptr", 1, f"select {mask}, {place}, {safe}", mask, place, safe)
    writer.effect(f"store {value}, {place}, align {_bytes(type)}")


def _store_neighbours(
    writer: Writer, place: Value, type: str, value: Value, mask: Value | None, streamed: bool
) -> None:  # fmt: skip
    if mask is None:
        aligned = f"{min(_LINE, LANES * _bytes(type))}, !nontemporal !{{i32 1}}" if streamed else str(_bytes(type))
        writer.effect(f"store {value}, {place}, align {aligned}")
        return
    mask = writer.vector(mask)
    if mask.numbers is not None and sum(mask.numbers) == 1:
        # LLVM 22 here stores all four bytes of an i32 that was cut to i8.
        lane = mask.numbers.index(True)
        place = address(writer, place, type, Linear({}, lane))
        _store_one(writer, place, type, _lane(writer, value, lane), None)
        return
    name = f"llvm.masked.store.{suffix(type, LANES)}.p0"
    writer.declare(f"declare void @{name}({value.full_type}, ptr, {mask.full_type})")
    writer.effect(f"call void @{name}({value}, ptr align {_bytes(type)} {place.text}, {mask})")


def _stored(writer: Writer, value: Value, dtype: DType) -> Value:
    return convert_lanes(writer, "zext", value, "i8") if dtype.kind == "bool" else value


def _bytes(type: str) -> int:
    return {"half": 2, "float": 4, "double": 8}.get(type) or int(type[1:]) // 8
