from __future__ import annotations

import numpy as np

from rafair.certify.box_memory import Memory


def test_what_is_kept_is_found_until_all_have_dropped_it():
    """Beside a plain dictionary, over many random puts and drops."""
    random, memory = np.random.default_rng(0), Memory(3)
    known: dict[int, tuple[np.ndarray, int]] = {}
    for _ in range(300):
        n, users = int(random.integers(0, 40)), int(random.integers(1, 3))
        bounds = random.random((n, 2, 3), dtype=np.float32)
        places = memory.put(bounds, users)
        assert len(set(places.tolist())) == n
        assert not known.keys() & set(places.tolist())  # nobody's place is given away
        known |= {place: (own, users) for place, own in zip(places.tolist(), bounds, strict=True)}
        every = [place for place, (_, left) in known.items() for _ in range(left)]
        gone = random.permutation(every)[: random.integers(0, len(every) + 1)].astype(np.int64)
        memory.drop(gone)
        for place in gone.tolist():
            own, left = known.pop(place)
            if left > 1:
                known[place] = own, left - 1
        there = np.array(list(known), np.int64)
        kept = [own for own, _ in known.values()]
        assert not kept or (memory.take(there) == np.stack(kept)).all()
    assert len(memory.put(np.empty((0, 2, 3), np.float32), 1)) == 0
