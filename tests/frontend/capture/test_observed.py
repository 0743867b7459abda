"""What happens while a program is watched, without being part of it."""

import gc
import time

import brasa


def test_a_search_for_garbage_is_not_the_programs():
    """A callback of the collector's own, as test frameworks have them, would run in the middle of any program."""

    def note(phase, info):
        time.perf_counter()

    compiled = brasa.compile(lambda x: sum([x * scale for scale in (2, 3, 4)]) + 1)
    threshold = gc.get_threshold()
    gc.callbacks.append(note)
    gc.set_threshold(1)
    try:
        for _ in range(4):
            compiled(brasa.ones(3))
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*threshold)
    assert brasa.explain(compiled).way == "sealed"
    assert gc.isenabled()
