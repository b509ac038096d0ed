"""A provider's own service behind a documented contract (`openapi.yaml`): the ports call it over HTTP."""

from connectors.ports import Platform


def platform(settings: object = None) -> Platform:
    """What ``CLOSURE_PLATFORM=http`` chooses. It has settings of its own, ``CLOSURE_HTTP_…``.

    Raises:
        HttpSettingsFault: one of them is missing or wrong.
    """
    from connectors.http.bundle import http_platform
    from connectors.http.settings import read_settings

    return http_platform(read_settings())
