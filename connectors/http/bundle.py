"""A provider's service as one bundle of ports."""

import ssl
import time
from pathlib import Path

from connectors.http.access import HttpAccessControl
from connectors.http.accounts import HttpAccountReader
from connectors.http.billing import HttpBilling
from connectors.http.callbacks import SignedCallbacks
from connectors.http.calling.breaker import CircuitBreaker
from connectors.http.calling.caller import Caller, Patience
from connectors.http.calling.credentials import (
    CertificateOnly,
    ClientCredentials,
    Credentials,
    RequestSigner,
)
from connectors.http.calling.transport import Transport
from connectors.http.data_stores import HttpDataStores
from connectors.http.directory import HttpDirectory
from connectors.http.holds import HttpLegalHolds
from connectors.http.inventory import HttpInventory
from connectors.http.messages import HttpAddressBook, HttpMessages
from connectors.http.refunds import HttpRefunds
from connectors.http.settings import HttpSettings, HttpSettingsFault
from connectors.http.signatures import Verifier
from connectors.ports import Callbacks, Platform
from keys.key_ring import PayloadKeys
from keys.secret_file import SecretFault, read_secret


def http_platform(settings: HttpSettings) -> Platform:
    """Every port over one service. It connects when the first of them is used.

    Raises:
        HttpSettingsFault: a setting is missing, or a file can't be used.
    """
    if settings.url is None:
        raise HttpSettingsFault("setting CLOSURE_HTTP_URL: needed, the address of the provider's service")
    transport = _transport(settings)
    return platform_over(
        Caller(
            str(settings.url).rstrip("/"),
            transport,
            _credentials(settings, transport),
            CircuitBreaker(settings.breaker_failures, settings.breaker_pause),
            Patience(call=settings.call_timeout, answer=settings.read_timeout * 4 // 5),
        ),
        _callbacks(settings),
    )


def platform_over(caller: Caller, callbacks: Callbacks | None = None) -> Platform:
    """Every port by this caller, which is closed with them."""
    return Platform(
        directory=HttpDirectory(caller),
        billing=HttpBilling(caller),
        inventory=HttpInventory(caller),
        access=HttpAccessControl(caller),
        data_stores=HttpDataStores(caller),
        messages=HttpMessages(caller),
        refunds=HttpRefunds(caller),
        holds=HttpLegalHolds(caller),
        addresses=HttpAddressBook(caller),
        accounts=HttpAccountReader(caller),
        callbacks=callbacks,
        closing=caller.aclose,
    )


def signing_keys(file: Path | None) -> PayloadKeys:
    """The keys of the setting `keys_file`.

    Raises:
        HttpSettingsFault: there are none.
    """
    if file is None:
        raise HttpSettingsFault("setting CLOSURE_HTTP_KEYS_FILE: needed, keys to sign requests with")
    try:
        return PayloadKeys.of_file(file)
    except SecretFault as fault:
        raise HttpSettingsFault(f"setting CLOSURE_HTTP_KEYS_FILE: {fault}") from None


def _callbacks(settings: HttpSettings) -> Callbacks | None:
    """None without keys to know the service by."""
    if settings.keys_file is None:
        return None
    window = settings.replay_window.total_seconds()
    return SignedCallbacks(Verifier(signing_keys(settings.keys_file).find, window, time.time))


def _transport(settings: HttpSettings) -> Transport:
    return Transport(
        _tls(settings),
        connections=settings.connections,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        answer_limit=settings.answer_limit,
    )


def _credentials(settings: HttpSettings, transport: Transport) -> Credentials:
    if settings.token_url is not None and settings.client_id is not None:
        return ClientCredentials(
            transport,
            str(settings.token_url),
            settings.client_id,
            _secret(settings.client_secret_file, "CLIENT_SECRET_FILE"),
            settings.scope,
        )
    if settings.keys_file is None and settings.certificate_file is not None:
        return CertificateOnly()
    return RequestSigner(signing_keys(settings.keys_file))


def _tls(settings: HttpSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.authority_file)
        if settings.certificate_file is not None and settings.private_key_file is not None:
            _secret(settings.private_key_file, "PRIVATE_KEY_FILE")
            context.load_cert_chain(settings.certificate_file, settings.private_key_file, password="")
    except OSError as error:  # of ssl, too
        reason = error.strerror or type(error).__name__
        raise HttpSettingsFault(f"the certificates of CLOSURE_HTTP_… can't be used: {reason}") from None
    return context


def _secret(file: Path | None, setting: str) -> str:
    try:
        secret = read_secret(file or Path(), "the file").strip()
    except SecretFault as fault:
        raise HttpSettingsFault(f"setting CLOSURE_HTTP_{setting}: {fault}") from None
    if not secret:
        raise HttpSettingsFault(f"setting CLOSURE_HTTP_{setting}: the file is empty")
    return secret
