"""The codec server as a process: who gets in, what it decodes, and what it refuses."""

import http.client
import json
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from keys.codec_server import BODY_LIMIT
from keys.key_ring import PayloadKeys, new_key_ring
from keys.payload_cipher import PayloadCipher
from keys.payload_place import PayloadPlace, PlaceKind

PROJECT = Path(__file__).resolve().parents[2]
WEB_UI = "http://localhost:8233"
TOKEN = "a-token-of-forty-characters-for-the-test"
SECRET = b'"about-marker-1f2"'
HERE = PayloadPlace(PlaceKind.WORKFLOW, "closure/p/a-1")
RING = new_key_ring()
CIPHER = PayloadCipher(PayloadKeys(RING))
JSON = {"Content-Type": "application/json", "X-Namespace": "default"}
BEARER = {**JSON, "Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def payloads(self) -> list[Payload]:
        return list(json_format.Parse(self.body, Payloads()).payloads)


@dataclass
class Server:
    port: int
    log: Path
    folder: Path
    options: list[str] = field(default_factory=list)

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    keys = folder / "keys.json"
    keys.write_text(RING.to_json(), encoding="utf-8")
    keys.chmod(0o600)
    token = folder / "token"
    token.write_text(f"{TOKEN}\n", encoding="utf-8")
    token.chmod(0o600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "keys.codec_server", "--port", str(port), "--origin", WEB_UI, *options],
            cwd=PROJECT,
            env={
                "PATH": "/usr/bin:/bin",
                "CLOSURE_PAYLOAD_KEYS_FILE": str(keys),
                "CLOSURE_CODEC_TOKEN_FILE": str(token),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(port, log, folder)
        deadline = time.monotonic() + 30
        while True:
            try:
                assert server.ask("/health", method="GET").status == 200
                break
            except ConnectionError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(20)
    assert SECRET not in log.read_bytes()
    assert TOKEN.encode() not in log.read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("codec"), "--namespace", "default") as started:
        yield started


def plain() -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=SECRET)


def body_of(*payloads: Payload) -> bytes:
    """As the Web UI writes it."""
    return json_format.MessageToJson(Payloads(payloads=payloads)).encode()


def test_decodes_what_is_encrypted_and_leaves_the_rest(server: Server) -> None:
    answer = server.ask(
        "/decode?preserveStorageRefs=true", body_of(CIPHER.seal(plain(), HERE), plain()), BEARER
    )
    assert answer.status == 200
    assert answer.payloads == [plain(), plain()]
    assert answer.headers["cache-control"] == "no-store"


def test_a_damaged_payload_and_one_of_another_key_stay_encrypted(server: Server) -> None:
    damaged = CIPHER.seal(plain(), HERE)
    damaged.data = damaged.data[:-1] + bytes([damaged.data[-1] ^ 1])
    other = PayloadCipher(PayloadKeys(new_key_ring())).seal(plain(), HERE)
    assert server.ask("/decode", body_of(damaged, other, CIPHER.seal(plain(), HERE)), BEARER).payloads == [
        damaged,
        other,
        plain(),
    ]
    assert "stays encrypted" in server.log.read_text()


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer \xff"],
)
def test_without_the_token_nothing_is_decoded(server: Server, authorization: str | None) -> None:
    headers = JSON if authorization is None else {**JSON, "Authorization": authorization}
    answer = server.ask("/decode", body_of(CIPHER.seal(plain(), HERE)), {**headers, "Origin": WEB_UI})
    assert answer.status == 401
    assert SECRET not in answer.body
    assert answer.headers["access-control-allow-origin"] == WEB_UI, "so that the Web UI can say why"


def test_the_web_ui_may_ask_with_a_cookie_and_nobody_else(server: Server) -> None:
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }
    allowed = server.ask("/decode", None, {"Origin": WEB_UI, **preflight}, method="OPTIONS")
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == WEB_UI
    assert allowed.headers["access-control-allow-credentials"] == "true"
    for origin in (
        "http://localhost:8234",
        "https://localhost:8233",
        "null",
        "http://localhost:8233.evil.example",
    ):
        stranger = {"Origin": origin}
        refused = server.ask("/decode", None, {**stranger, **preflight}, method="OPTIONS")
        assert "access-control-allow-origin" not in refused.headers
        answer = server.ask("/decode", body_of(CIPHER.seal(plain(), HERE)), {**BEARER, **stranger})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
        assert SECRET not in answer.body


def test_a_person_signs_in_once(server: Server) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.ask("/sign-in", urlencode({"token": "wrong"}).encode(), form).status == 401
    assert server.ask("/sign-in", b"token=" + b"x" * 5000, form).status == 401
    assert b"type=password" in server.ask("/", method="GET").body
    signed_in = server.ask("/sign-in", urlencode({"token": TOKEN}).encode(), form)
    assert signed_in.status == 303
    cookie = signed_in.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    session = cookie.split(";")[0]
    sealed = body_of(CIPHER.seal(plain(), HERE))
    assert server.ask("/decode", sealed, {**JSON, "Origin": WEB_UI, "Cookie": session}).payloads == [plain()]
    name, _, value = session.partition("=")
    ends, _, seal = value.partition(".")
    for forged in (f"{int(ends) + 60}.{seal}", f"{ends}.{seal[:-1]}0x", f"1.{seal}", ends, ".", ""):
        answer = server.ask("/decode", sealed, {**JSON, "Cookie": f"{name}={forged}"})
        assert answer.status == 401, forged


def test_an_expired_session_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from keys.codec_access import SESSION, CodecAccess

    access = CodecAccess(TOKEN)
    session = access.new_session()
    assert access.accepts("", session)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION.total_seconds() + 1)
    assert not access.accepts("", session)
    assert not CodecAccess(TOKEN + "x").accepts("", access.new_session()), "another token ends all sessions"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'{"payloads": 5}',
        b'{"payloads": [{"data": "not base64!"}]}',
        b'{"payloads": [{"metadata": {"encoding": 5}}]}',
        b'{"other": []}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda body: str(body[:30]),
)
def test_a_malformed_body_is_refused(server: Server, body: bytes) -> None:
    answer = server.ask("/decode", body, BEARER)
    assert answer.status == 400
    assert json.loads(answer.body) == {"message": "the body is no JSON document of payloads"}


def test_a_giant_body_is_refused_however_it_is_announced(server: Server) -> None:
    giant = b'{"payloads": [{"data": "' + b"A" * BODY_LIMIT + b'"}]}'
    assert server.ask("/decode", giant, BEARER).status == 413
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    pieces = (giant[start : start + 65536] for start in range(0, len(giant), 65536))
    connection.request("POST", "/decode", pieces, BEARER, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_only_the_named_namespaces_are_decoded(server: Server) -> None:
    sealed = body_of(CIPHER.seal(plain(), HERE))
    assert server.ask("/decode", sealed, {**BEARER, "X-Namespace": "other"}).status == 403
    assert server.ask("/decode", sealed, {"Authorization": f"Bearer {TOKEN}"}).status == 403


def test_nothing_else_is_served(server: Server) -> None:
    assert server.ask("/decode", method="GET").status == 405
    assert server.ask("/encode", method="GET").status == 405
    assert server.ask("/keys", method="GET").status == 404
    assert server.ask("/", method="GET").headers["content-security-policy"].startswith("default-src 'none'")


def test_an_empty_signal_of_the_web_ui_passes_and_nothing_else_is_sent_through_it(server: Server) -> None:
    empty = [
        Payload(metadata={"encoding": b"json/plain"}, data=b"{}"),
        Payload(metadata={"encoding": b"binary/null"}),
    ]
    assert server.ask("/encode", body_of(*empty), BEARER).payloads == empty
    assert server.ask("/encode", body_of(*empty), JSON).status == 401
    for content in (plain(), CIPHER.seal(plain(), HERE)):
        refused = server.ask("/encode", body_of(empty[0], content), BEARER)
        assert refused.status == 403
        assert "only an empty payload" in json.loads(refused.body)["message"]


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        ({}, [], "needs payload keys"),
        ({"CLOSURE_PAYLOAD_KEYS": RING.to_json()}, [], "needs a token"),
        ({"CLOSURE_PAYLOAD_KEYS": RING.to_json(), "CLOSURE_CODEC_TOKEN": "short"}, [], "shorter than"),
        ({"CLOSURE_PAYLOAD_KEYS": "damaged", "CLOSURE_CODEC_TOKEN": TOKEN}, [], "no JSON document"),
        ({}, ["--origin", "*"], "no origin"),
        ({}, ["--origin", "http://localhost:8233/path"], "no origin"),
        ({"CLOSURE_ENCRYPTION": "maybe"}, [], "CLOSURE_ENCRYPTION"),
    ],
)
def test_it_refuses_to_start_half_configured(settings: dict[str, str], options: list[str], said: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "keys.codec_server", *options],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 2, finished
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr
    keys = [b64encode(key).decode() for key in RING.keys.values()]
    assert not any(key in finished.stderr for key in keys)
