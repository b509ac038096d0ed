"""The order in which resources go: nothing is released while something still depends on it."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from closure.accounts import Resource


def release_batches(resources: Iterable[Resource], selected: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Batches of the `selected` ids among the living `resources`: dependents before what they depend on.

    Members of one batch are sorted and don't depend on each other. Ids that no longer live, selected or
    depended on, are gone already and left out. Linear in resources and dependencies, but for sorting.

    Raises:
        ValueError: a living resource that isn't selected depends on a selected one, or a dependency cycle.
    """
    living = {resource.resource_id: resource for resource in resources}
    chosen = living.keys() & set(selected)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for resource_id in sorted(living):
        if resource_id in chosen:
            sorter.add(resource_id)
        for needed in living[resource_id].depends_on:
            if needed not in chosen:
                continue
            if resource_id not in chosen:
                raise ValueError(f"{resource_id} depends on {needed} and is not released with it")
            sorter.add(needed, resource_id)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"dependency cycle: {' → '.join(error.args[1])}") from error
    return _batches(sorter)


def caught_in_cycles(resources: Iterable[Resource]) -> frozenset[str]:
    """Ids of resources that no order can release: on a dependency cycle, or between two of them."""
    living = {resource.resource_id: resource for resource in resources}
    caught = living.keys() - _orderable(living, dependents_first=True)
    return frozenset(caught - _orderable(living, dependents_first=False)) if caught else frozenset()


def _orderable(living: dict[str, Resource], *, dependents_first: bool) -> set[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for resource_id, resource in living.items():
        sorter.add(resource_id)
        for needed in resource.depends_on:
            if needed in living:
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
