"""Which Temporal server is used: the user's, a cached one, a downloaded one, or one built here."""

from pathlib import Path

import pytest

from local import prepare
from local.choose_server import NoServerAvailable, choose_installation, user_server
from local.installation import InstallationKind, InstallationUnavailable, Report, ServerInstallation


class Source:
    """A way of getting a server: `has` what is cached, `gives` what it can get or why it can't."""

    def __init__(self, *, has: ServerInstallation | None = None, gives: ServerInstallation | str) -> None:
        self._has = has
        self._gives = gives
        self.asked = 0

    def cached(self) -> ServerInstallation | None:
        return self._has

    def obtain(self, report: Report) -> ServerInstallation:
        self.asked += 1
        report("getting it")
        if isinstance(self._gives, str):
            raise InstallationUnavailable(self._gives)
        return self._gives


def noting(said: list[str]) -> Report:
    return lambda text, _share=None: said.append(text)


BUILT = ServerInstallation(InstallationKind.BUILT, Path("server"), Path("ui"))
DOWNLOADED = ServerInstallation(InstallationKind.DOWNLOADED, Path("temporal"), Path("temporal"))


@pytest.mark.parametrize(
    ("cached_build", "cached_download", "chosen"),
    [(BUILT, DOWNLOADED, BUILT), (BUILT, None, BUILT), (None, DOWNLOADED, DOWNLOADED)],
)
def test_what_is_cached_is_used_and_nothing_else_asked(
    cached_build: ServerInstallation | None,
    cached_download: ServerInstallation | None,
    chosen: ServerInstallation,
) -> None:
    build, download = Source(has=cached_build, gives="no"), Source(has=cached_download, gives="no")
    said: list[str] = []
    assert choose_installation(noting(said), download=download, build=build) is chosen
    assert (build.asked, download.asked, said) == (0, 0, [])


def test_a_download_comes_before_a_build() -> None:
    build, download = Source(gives=BUILT), Source(gives=DOWNLOADED)
    said: list[str] = []
    assert choose_installation(noting(said), download=download, build=build) is DOWNLOADED
    assert (build.asked, said) == (0, ["getting it"])


def test_what_cannot_be_downloaded_is_built() -> None:
    build, download = Source(gives=BUILT), Source(gives="no network")
    assert choose_installation(lambda _text, _share=None: None, download=download, build=build) is BUILT
    assert download.asked == 1


def test_with_no_way_left_every_reason_and_the_way_out_are_named() -> None:
    build, download = Source(gives="no Go module proxy"), Source(gives="no network")
    with pytest.raises(NoServerAvailable) as raised:
        choose_installation(lambda _text, _share=None: None, download=download, build=build)
    message = str(raised.value)
    assert message.index("no network") < message.index("no Go module proxy")
    assert "TEMPORAL_ADDRESS" in message
    assert "\n" not in message


def test_a_given_address_is_the_users_server(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none.toml")
    configured = user_server({"TEMPORAL_ADDRESS": "temporal.example:7233", "TEMPORAL_CONFIG_FILE": nowhere})
    assert configured is not None
    assert configured["target_host"] == "temporal.example:7233"
    assert user_server({"TEMPORAL_CONFIG_FILE": nowhere}) is None


def test_a_profile_is_the_users_server(tmp_path: Path) -> None:
    profiles = tmp_path / "temporal.toml"
    profiles.write_text('[profile.default]\naddress = "profile.example:7233"\nnamespace = "closures"\n')
    configured = user_server({"TEMPORAL_CONFIG_FILE": str(profiles)})
    assert configured is not None
    assert (configured["target_host"], configured["namespace"]) == ("profile.example:7233", "closures")


def test_with_an_address_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert prepare.main() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_profile_that_cannot_be_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = tmp_path / "temporal.toml"
    profiles.write_text("no TOML")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profiles))
    assert prepare.main() == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "profile can't be read" in printed.err
