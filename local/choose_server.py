"""Which Temporal server to use: the user's, a cached one, a downloaded one, or one built here."""

from collections.abc import Mapping
from typing import Protocol

from temporalio.envconfig import ClientConfig, ClientConnectConfig

from local.dev_server_download import DevServerDownload
from local.go_build import GoBuild
from local.installation import InstallationUnavailable, Report, ServerInstallation


class InstallationSource(Protocol):
    """One way of getting a server's programs."""

    def cached(self) -> ServerInstallation | None:
        """What an earlier run finished, if it is still unchanged."""

    def obtain(self, report: Report) -> ServerInstallation:
        """Gets it now; raises InstallationUnavailable."""


class NoServerAvailable(Exception):
    """No way of getting a local server works; the message names each reason and the way out."""


def user_server(environment: Mapping[str, str] | None = None) -> ClientConnectConfig | None:
    """The connection the user configured by TEMPORAL_ADDRESS or a profile; None when there is none.

    `environment` replaces the process's own. Raises RuntimeError for an unreadable profile.
    """
    configured = ClientConfig.load_client_connect_config(override_env_vars=environment)
    return configured if configured.get("target_host") else None


def choose_installation(
    report: Report,
    *,
    download: InstallationSource | None = None,
    build: InstallationSource | None = None,
) -> ServerInstallation:
    """A server for this computer: cached if possible, else downloaded, else built.

    Raises NoServerAvailable.
    """
    download = download or DevServerDownload()
    build = build or GoBuild()
    for source in (build, download):
        finished = source.cached()
        if finished is not None:
            return finished
    reasons: list[str] = []
    for source in (download, build):
        try:
            return source.obtain(report)
        except InstallationUnavailable as unavailable:
            reasons.append(str(unavailable))
    raise NoServerAvailable(
        "no local Temporal server: " + "; then: ".join(reasons) + "; or set TEMPORAL_ADDRESS to a server"
    )
