"""What is worth trying: not the product of everything, but one group after the other, each around the winner of the last."""
from typing import NamedTuple, Optional, Union

Tile = Union[int, tuple]


class Candidate(NamedTuple):
    threads: int
    schedule: str = "static"
    chunk: int = 0
    placement: str = "spread"
    tile: Tile = 0

    def __str__(self):
        words = [f"{self.threads} thread{'s' * (self.threads > 1)}"]
        if self.threads > 1:
            words.append(self.schedule + (f" {self.chunk}" if self.chunk else ""))
            if self.placement != "spread":
                words.append(self.placement)
        if self.tile:
            words.append(f"tile {list(self.tile) if isinstance(self.tile, tuple) else self.tile}")
        return ", ".join(words)


class Fixed(NamedTuple):
    """What the kernel's decorator says already: not tuned."""

    threads: Optional[int] = None
    schedule: Optional[str] = None
    chunk: int = 0
    placement: Optional[str] = None
    tile: Tile = 0


def thread_counts(most):
    """1, 2, 3, 4, 6, 8, 12, 16, … and the most."""
    counts, step = {1, most}, 1
    while step <= most:
        counts.update(n for n in (step, step * 3 // 2) if 1 <= n <= most)
        step *= 2
    return sorted(counts)


def chunks(trips, threads):
    """Pieces a thread: about 4 and 32."""
    return sorted({max(1, trips // (threads * pieces)) for pieces in (4, 32)} if trips > threads else set())


def of_work(counts, trips, fixed):
    """threads × schedule × chunk. On one thread they do not matter."""
    found = []
    for threads in [fixed.threads] if fixed.threads else counts:
        if threads == 1:
            found.append(Candidate(1, fixed.schedule or "static", fixed.chunk, fixed.placement or "spread", fixed.tile))
            continue
        for schedule in [fixed.schedule] if fixed.schedule else ("static", "dynamic", "guided"):
            several = [fixed.chunk] if fixed.chunk else [0, *(chunks(trips, threads) if schedule == "dynamic" else [])]
            found += [Candidate(threads, schedule, c, fixed.placement or "spread", fixed.tile) for c in several]
    return found


def of_placement(best, machine, fixed):
    """Placements that differ on this machine."""
    if best.threads == 1 or fixed.placement:
        return []
    plans, found = set(), []
    for name, placed in machine.items():
        plan = tuple(placed)
        if name != best.placement and plan not in plans and plan != tuple(machine.get(best.placement, ())):
            plans.add(plan)
            found.append(best._replace(placement=name))
    return found


def of_tile(best, is_tiled, fixed):
    if not is_tiled or fixed.tile:
        return []
    return [best._replace(tile=t) for t in (0, 16, 32, 64, 128, 256) if t != best.tile]


def of_oblong_tile(best):
    """Around the best square one: four times as long along the outermost loop, or along the others."""
    if not best.tile or isinstance(best.tile, tuple):
        return []
    return [best._replace(tile=edges) for edges in ((best.tile, 4 * best.tile), (4 * best.tile, best.tile))]
