"""What the SDK's transport errors mean to the person who configured the connection.

The SDK gives them no types; their texts are of its own (rustls, tonic) and never hold a key or a token.
"""

from temporalio.service import RPCError, RPCStatusCode

from temporal.faults import ConnectionFault, ServerUnreachable

_CREDENTIALS = (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED)

# The first text that is found decides.
_ADVICE = {
    "NotValidForName": "shows a certificate of another name: check TEMPORAL_TLS_SERVER_NAME",
    "Expired": "shows a certificate that has expired",
    "InvalidCertificate": "shows a certificate that we don't trust: check TEMPORAL_TLS_SERVER_CA_CERT_PATH",
    "InvalidContentType": "does not speak TLS: set TEMPORAL_TLS=false, or check TEMPORAL_ADDRESS",
    "AlertReceived": "refused our TLS: check TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH",
    "call error after connection": (
        "closed the connection: it may want TLS (TEMPORAL_TLS), or another client certificate "
        "(TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH)"
    ),
}


def connecting_failed(error: RuntimeError, address: str) -> ConnectionFault | ServerUnreachable:
    """The SDK's connect raises a plain RuntimeError for everything."""
    text = str(error)
    if "Unauthenticated" in text or "PermissionDenied" in text:
        return ServerUnreachable(_credentials_refused(address))
    if "InconsistentKeys" in text:
        return ConnectionFault(
            "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH do not belong together"
        )
    for sign, advice in _ADVICE.items():
        if sign in text:
            return ServerUnreachable(f"the Temporal server at {address} {advice}")
    return ServerUnreachable(
        f"no Temporal server at {address}: start one with `make up` or set TEMPORAL_ADDRESS"
    )


def call_failed(error: RPCError, address: str) -> ServerUnreachable:
    """A server that answers, but not as wanted."""
    if error.status in _CREDENTIALS:
        return ServerUnreachable(_credentials_refused(address))
    return ServerUnreachable(f"the Temporal server at {address} failed: {error.message}; try again")


def _credentials_refused(address: str) -> str:
    return (
        f"the Temporal server at {address} refused the credentials: check TEMPORAL_API_KEY and TLS settings"
    )
