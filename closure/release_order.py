"""The order in which resources go: nothing is released while something still depends on it."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from closure.accounts import IDS, Resource


def release_batches(
    resources: Sequence[Resource], selected: Collection[str] | None = None
) -> tuple[Sequence[str], ...]:
    """Batches of the `selected` ids among the living `resources`: dependents before what they depend on.

    Without `selected` all go. Members of one batch are sorted and don't depend on each other. Ids that no
    longer live, selected or depended on, are gone already and left out. Linear in resources and dependencies,
    but for sorting; only what depends on something, or is depended on, is in hand at the same time.

    Raises:
        ValueError: a living resource that isn't selected depends on a selected one, or a dependency cycle.
    """
    chosen = None if selected is None else frozenset(selected)

    def goes(resource_id: str) -> bool:
        return chosen is None or resource_id in chosen

    sorter: TopologicalSorter[str] = TopologicalSorter()
    tied = _tied(resources)
    for resource_id, depends_on in tied.items():
        if goes(resource_id):
            sorter.add(resource_id)
        for needed in filter(goes, depends_on):
            if not goes(resource_id):
                raise ValueError(f"{resource_id} depends on {needed} and is not released with it")
            sorter.add(needed, resource_id)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"dependency cycle: {' → '.join(error.args[1])}") from error
    first, *others = [*_batches(sorter)] or [()]
    free = (each.resource_id for each in resources if each.resource_id not in tied and goes(each.resource_id))
    batches = (sorted({*free, *first}), *others)
    return tuple(IDS.of(batch) for batch in batches if batch)


def caught_in_cycles(resources: Sequence[Resource]) -> frozenset[str]:
    """Ids of resources that no order can release: on a dependency cycle, or between two of them."""
    tied = _tied(resources)
    caught = tied.keys() - _orderable(tied, dependents_first=True)
    return frozenset(caught - _orderable(tied, dependents_first=False)) if caught else frozenset()


def _tied(resources: Sequence[Resource]) -> dict[str, tuple[str, ...]]:
    """By id, the living ones that a resource depends on; only of those that have to do with another."""
    wanted = {each.resource_id: each.depends_on for each in resources if each.depends_on}
    needed = {name for depends_on in wanted.values() for name in depends_on}
    living = {each.resource_id for each in resources if each.resource_id in needed}
    return {
        name: tuple(each for each in wanted.get(name, ()) if each in living)
        for name in sorted({*wanted, *living})
    }


def _orderable(tied: dict[str, tuple[str, ...]], *, dependents_first: bool) -> set[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for resource_id, depends_on in tied.items():
        sorter.add(resource_id)
        for needed in depends_on:
            sorter.add(*((needed, resource_id) if dependents_first else (resource_id, needed)))
    with suppress(CycleError):  # documented: all that comes before the cycles is still handed out
        sorter.prepare()
    return {resource_id for batch in _batches(sorter) for resource_id in batch}


def _batches(sorter: TopologicalSorter[str]) -> tuple[tuple[str, ...], ...]:
    batches = []
    while ready := sorter.get_ready():
        sorter.done(*ready)
        batches.append(tuple(sorted(ready)))
    return tuple(batches)
