"""What a call or a page may be asked in its query, as its own function declares it."""

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant


def query_names(dependant: Dependant) -> Iterator[str]:
    """The names of the parameters, by itself or by what it depends on."""
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from query_names(each)
