"""Which things need which, while some become one: as networkx has it."""

from __future__ import annotations

import networkx
from hypothesis import given
from hypothesis import strategies as st

from brasa.passes.dependencies import Dependencies

NEEDS = st.lists(st.sets(st.integers(0, 20)), min_size=1, max_size=14)


@given(NEEDS, st.lists(st.integers(0, 5), min_size=40, max_size=40), st.data())
def test_as_networkx(needs: list[set[int]], keys: list[int], data: st.DataObject) -> None:
    found: Dependencies[int] = Dependencies()
    judge = networkx.DiGraph()
    for thing, each in enumerate(needs):
        before = sorted(number for number in each if number < thing)
        found.add(thing, before)
        judge.add_node(thing)
        judge.add_edges_from((number, thing) for number in before)
    for joined in range(20, 23):
        _join_two(found, judge, joined, data)
        _compare(found, judge, keys)


def _join_two(found: Dependencies[int], judge: networkx.DiGraph, joined: int, data: st.DataObject) -> None:
    """Two things that can become one do."""
    first, second = (data.draw(st.sampled_from(sorted(judge))) for _ in range(2))
    if first == second:
        return
    merged = networkx.contracted_nodes(judge, first, second, self_loops=False, copy=True)
    if not networkx.is_directed_acyclic_graph(merged):
        return
    before, after = set(merged.predecessors(first)), set(merged.successors(first))
    found.replace([first, second], joined)
    judge.remove_nodes_from([first, second])
    judge.add_node(joined)
    judge.add_edges_from([*((each, joined) for each in before), *((joined, each) for each in after)])


def _compare(found: Dependencies[int], judge: networkx.DiGraph, keys: list[int]) -> None:
    assert found.ordered(keys.__getitem__) == list(
        networkx.lexicographical_topological_sort(judge, key=keys.__getitem__)
    )
    for thing in judge:
        assert set(found.readers(thing)) == set(judge.successors(thing))
        for other in judge:
            assert found.needs_any(thing, [other]) == networkx.has_path(judge, other, thing)
        assert not found.needs_any(thing, [])
