"""The SDK's download: gives up fast where the network doesn't allow it, and keeps only what works."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local import versions
from local.dev_server_download import DevServerDownload
from local.installation import InstallationUnavailable
from tests.local.programs import write_program

AT_ONCE = 5.0


def seconds_until_refused(cache: Path, catalogue: str, words: str) -> float:
    download = DevServerDownload(cache, catalogue)
    said: list[str] = []
    started = time.monotonic()
    with pytest.raises(InstallationUnavailable, match=words) as raised:
        download.obtain(lambda text, _share=None: said.append(text))
    assert "\n" not in str(raised.value)
    assert said == []
    assert download.cached() is None
    return time.monotonic() - started


def test_a_name_that_does_not_resolve_is_refused_at_once(tmp_path: Path) -> None:
    assert seconds_until_refused(tmp_path, "https://name.invalid/cli", r".+") < AT_ONCE


def test_a_refused_connection_is_refused_at_once(tmp_path: Path) -> None:
    assert seconds_until_refused(tmp_path, "http://127.0.0.1:1/cli", "refused") < AT_ONCE


def test_a_network_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        catalogue = f"http://127.0.0.1:{silent.getsockname()[1]}/cli"
        assert seconds_until_refused(tmp_path, catalogue, r"did not answer|timed out") < AT_ONCE


ANSWERS = {
    "/forbidden": (403, "blocked by the proxy"),
    "/page": (200, "<html>log in to the network first</html>"),
    "/other": (200, '{"somethingElse": 1}'),
    "/no-archive": (200, '{"archiveUrl": "http://{host}/missing"}'),
}


class Catalogue(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path.partition("?")[0], (404, "not here"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.replace("{host}", self.headers["Host"]).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def catalogue() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Catalogue) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("page", "words"),
    [("/forbidden", "403"), ("/page", r".+"), ("/other", "archiveUrl"), ("/no-archive", "404")],
)
def test_an_answer_that_is_no_download_is_refused(
    tmp_path: Path, catalogue: str, page: str, words: str
) -> None:
    assert seconds_until_refused(tmp_path, catalogue + page, words) < AT_ONCE


DOWNLOADING = (
    'case "$3" in',
    "  probe) exit 0;;",
    "  download) @DOWNLOAD@;;",
    "esac",
)
TOOL = '#!/bin/sh\\necho "temporal version 1.9.0 (Server %s, UI 2.50.0)"\\n'


def downloading(folder: Path, monkeypatch: pytest.MonkeyPatch, download: str) -> None:
    """Replaces the child that downloads: `download` is what it runs with the folder in `$4`."""
    lines = [line.replace("@DOWNLOAD@", download) for line in DOWNLOADING]
    monkeypatch.setattr(sys, "executable", str(write_program(folder / "python", *lines)))


def delivering(version: str) -> str:
    return f'printf \'{TOOL}\' {version} > "$4/temporal-sdk-python"; chmod 755 "$4/temporal-sdk-python"'


def test_the_downloaded_program_is_kept_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloading(tmp_path, monkeypatch, delivering(versions.SERVER_VERSION))
    download = DevServerDownload(tmp_path / "cache")
    said: list[str] = []
    installed = download.obtain(lambda text, _share=None: said.append(text))
    assert installed.server == installed.ui
    assert said == ["downloading the Temporal development server (once)"]
    assert DevServerDownload(tmp_path / "cache").cached() == installed
    assert download.obtain(lambda text, _share=None: said.append(text)) == installed
    assert len(said) == 1


def test_a_cached_program_that_changed_is_downloaded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloading(tmp_path, monkeypatch, delivering(versions.SERVER_VERSION))
    download = DevServerDownload(tmp_path / "cache")
    installed = download.obtain(lambda _text, _share=None: None)
    installed.server.write_text("half of a progr")
    assert download.cached() is None
    assert download.obtain(lambda _text, _share=None: None) == installed == download.cached()


@pytest.mark.parametrize(
    ("download", "words"),
    [
        (delivering("1.29.9"), "too old"),
        ("echo 'out of disk' >&2; exit 1", "out of disk"),
        ("exit 0", "found 0"),
        ('printf broken > "$4/temporal-sdk-python"; chmod 755 "$4/temporal-sdk-python"', "does not run"),
    ],
    ids=["older server", "failed", "nothing", "broken"],
)
def test_a_download_that_cannot_be_used_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, download: str, words: str
) -> None:
    downloading(tmp_path, monkeypatch, download)
    source = DevServerDownload(tmp_path / "cache")
    with pytest.raises(InstallationUnavailable, match=words):
        source.obtain(lambda _text, _share=None: None)
    assert source.cached() is None


def test_a_cache_that_cannot_be_written_is_one_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallationUnavailable, match=r"can't be written"):
        DevServerDownload(tmp_path / "file").obtain(lambda _text, _share=None: None)
