"""What is said where a connection failed because of a certificate: the cause, and the way on.

Why here and not where each client fails: they wrap the error differently, and all keep it as the cause of theirs.
"""

import re
import ssl

from driftloop.errors import UserError

_OF_AUTHORITY = {2, 18, 19, 20, 21}
"""OpenSSL's codes for a chain that ends in no authority that is known."""


def sentence_of(error: UserError) -> str:
    """The sentence of the error; where a certificate is behind it, one that says so in place of the reason it gives.

    >>> sentence_of(UserError("There is no file a.csv."))
    'There is no file a.csv.'
    """
    found = _certificate(error)
    if found is None:
        return error.sentence
    what = re.split(r" \(|: |\.$", error.sentence)[0]
    reason = getattr(found, "verify_message", "") or "it cannot be verified"
    said = f"{what}: the server's certificate is not accepted ({reason.rstrip('.')})"
    if getattr(found, "verify_code", None) not in _OF_AUTHORITY:
        return f"{said}. Check the address, and the clock of this machine."
    return (
        f"{said}. Where a proxy of your network signs connections anew, set SSL_CERT_FILE and REQUESTS_CA_BUNDLE to a "
        "PEM file that holds its authority."
    )


def _certificate(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """The certificate that was not accepted, among the causes of an error; the innermost, since it knows why."""
    found = None
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, ssl.SSLCertVerificationError):
            found = cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return found
