"""Links to certificates: for 30 days, for one closure, under one installation's key."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keys.certificate_links import LINK_LIFETIME, CertificateLinks, load_or_create_links
from keys.secret_file import SecretFault

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def token_of(links: CertificateLinks, closure_id: str = "closure-1") -> str:
    return links.link(closure_id, NOW).path.removeprefix("/certificate/")


def test_a_link_holds_for_30_days_to_the_second() -> None:
    links = CertificateLinks()
    assert links.link("closure-1", NOW).holds_until == NOW + 30 * DAY
    token = token_of(links)
    for age in (timedelta(), 29 * DAY, LINK_LIFETIME - timedelta(seconds=1)):
        opened = links.opened(token, NOW + age)
        assert opened is not None
        assert (opened.closure_id, opened.holds_until) == ("closure-1", NOW + LINK_LIFETIME)
    for age in (LINK_LIFETIME, 31 * DAY):
        assert links.opened(token, NOW + age) is None


def test_a_link_opens_nothing_else_and_no_longer_than_it_was_made_for() -> None:
    links = CertificateLinks()
    closure_id, until, signature = token_of(links).rsplit(".", 2)
    for wrong in (
        f"closure-2.{until}.{signature}",
        f"{closure_id}.{int(until) + 1}.{signature}",
        f"{closure_id}.{until}.{signature[:-1]}",
        f"{closure_id}.{until}.",
        f"{closure_id}.0{until}.{signature}",
        f"{closure_id}.{'9' * 40}.{signature}",
        f"{closure_id}.-1.{signature}",
        f"{closure_id}.{until}",
        "",
        "..",
        "\ud800.1.x",
    ):
        assert links.opened(wrong, NOW) is None, wrong
    assert CertificateLinks().opened(token_of(links), NOW) is None


def test_an_id_with_dots_is_kept_whole() -> None:
    links = CertificateLinks()
    opened = links.opened(token_of(links, "closure.1.2"), NOW)
    assert opened is not None
    assert opened.closure_id == "closure.1.2"


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "web.secret"
    first = load_or_create_links(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_or_create_links(file).opened(token_of(first), NOW) is not None


@pytest.mark.parametrize(("content", "mode"), [("beef" * 3, 0o600), ("x" * 64, 0o600), ("0" * 64, 0o644)])
def test_a_key_that_others_may_read_or_that_is_none_is_refused(
    tmp_path: Path, content: str, mode: int
) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "web.secret"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(SecretFault) as caught:
        load_or_create_links(file)
    assert content not in str(caught.value)


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("no folder")
    with pytest.raises(SecretFault, match="web secret"):
        load_or_create_links(tmp_path / "keys" / "web.secret")
