"""Ports and addresses of the local server: free ones, written in one step, forgiving to read."""

import socket
from pathlib import Path

import pytest

from local.ports import FREE_RANGE, HOST, ServerPorts, choose_ports, is_free
from temporal import local_address
from temporal.local_address import LocalServer, forget_local_server, read_local_server, write_local_server

SERVER = LocalServer("127.0.0.1:7233", "default", "http://127.0.0.1:8233")


def test_an_address_is_read_as_written_and_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / ".closure"
    assert read_local_server(folder) is None
    write_local_server(SERVER, folder)
    assert read_local_server(folder) == SERVER
    forget_local_server(folder)
    forget_local_server(folder)
    assert read_local_server(folder) is None


def test_an_interrupted_write_leaves_the_old_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_local_server(SERVER, tmp_path)

    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_local_server(LocalServer("127.0.0.1:1", "other", ""), tmp_path)
    assert read_local_server(tmp_path) == SERVER


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'"text"', b"\xff", b'{"temporal_address": "a"}']
)
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / local_address.FILE_NAME).write_bytes(content)
    assert read_local_server(tmp_path) is None


def test_chosen_ports_are_free_and_all_different() -> None:
    ports = choose_ports(prefer_defaults=False).all()
    assert len(set(ports)) == len(ports) == 9
    assert all(is_free(port) and port in FREE_RANGE for port in ports)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_with_one_default_port_taken_none_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {ServerPorts().matching}
    monkeypatch.setattr("local.ports.is_free", lambda port: port not in taken)
    chosen = choose_ports(prefer_defaults=True)
    assert not set(chosen.all()) & set(ServerPorts().all())
    taken.clear()
    assert choose_ports(prefer_defaults=True) == ServerPorts()


def test_without_enough_free_ports_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.ports.is_free", lambda port: port < FREE_RANGE.start + 8)
    with pytest.raises(OSError, match="fewer than 9 free ports"):
        choose_ports(prefer_defaults=False)
