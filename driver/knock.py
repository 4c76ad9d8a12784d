# SPDX-License-Identifier: BSD-3-Clause
"""Asks a camera whether it refuses user and password, where the reader (OpenCV) only says that it could not open it."""

import base64
import hashlib
import re
import secrets
import socket
import ssl
from urllib.parse import urlsplit

from shiftcore.driver.address import Address

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_MOST = 65536  # bytes of an answer's head


def status(address: Address, timeout_s: float) -> int | None:
    """The status code with which a camera at rtsp://, rtsps://, http:// or https:// answers its user and password
    (Basic or Digest: RFC 7616, RFC 2069), which are sent once; None where there is no answer, and for another kind of
    address."""
    url = urlsplit(address.secret)
    if url.scheme.lower() not in _PORTS or not url.hostname:
        return None
    user, password = address.credentials()
    try:
        code, challenges = _ask(address.secret, "", timeout_s)
        if code == 401 and user and challenges:
            code, _ = _ask(address.secret, _authorization(address.secret, challenges, user, password), timeout_s)
    except (OSError, ValueError):
        return None
    return code


def _target(secret: str) -> tuple[str, str, str]:
    """Method, protocol, and the URI that is asked for."""
    url = urlsplit(secret)
    if url.scheme.lower().startswith("rtsp"):
        return "DESCRIBE", "RTSP/1.0", url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    return "GET", "HTTP/1.1", url._replace(scheme="", netloc="", fragment="").geturl() or "/"


def _ask(secret: str, authorization: str, timeout_s: float) -> tuple[int, list[str]]:
    """The answer's status code, and what it wants to be shown. Raises OSError, and ValueError for nonsense."""
    url = urlsplit(secret)
    scheme, (method, protocol, uri) = url.scheme.lower(), _target(secret)
    host = str(url.hostname)
    lines = [f"{method} {uri} {protocol}", f"Host: {url.netloc.rpartition('@')[2]}", "CSeq: 1", "User-Agent: shiftcore"]
    lines += ["Accept: application/sdp" if method == "DESCRIBE" else "Accept: */*", "Connection: close"]
    lines += [f"Authorization: {authorization}"] if authorization else []
    with _connect(scheme, (host, url.port or _PORTS[scheme]), timeout_s) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _MOST and (received := connection.recv(4096)):
            head += received
    first, *rest = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = [line.partition(":")[::2] for line in rest]
    if len(first.split()) < 2:
        raise ValueError("no status line")
    return int(first.split()[1]), [value.strip() for key, value in headers if key.lower() == "www-authenticate"]


def _connect(scheme: str, address: tuple[str, int], timeout_s: float) -> socket.socket:
    connection = socket.create_connection(address, timeout_s)
    if scheme not in ("rtsps", "https"):
        return connection
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as FFmpeg: cameras sign their own
    return context.wrap_socket(connection)


def _authorization(secret: str, challenges: list[str], user: str, password: str) -> str:
    digest = next((challenge for challenge in challenges if challenge.lower().startswith("digest")), None)
    if digest is None:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    wanted = {key.lower(): quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', digest)}
    method, _, uri = _target(secret)
    algorithm = "sha256" if wanted.get("algorithm", "").upper() == "SHA-256" else "md5"

    def hashed(text: str) -> str:
        return hashlib.new(algorithm, text.encode()).hexdigest()

    who, what = hashed(f"{user}:{wanted['realm']}:{password}"), hashed(f"{method}:{uri}")
    nonce, mine, extra = wanted["nonce"], secrets.token_hex(8), ""
    middle = nonce
    if "auth" in re.split(r"[\s,]+", wanted.get("qop", "")):
        middle, extra = f"{nonce}:00000001:{mine}:auth", f', qop=auth, nc=00000001, cnonce="{mine}"'
    extra += f', opaque="{wanted["opaque"]}"' if "opaque" in wanted else ""
    extra += f", algorithm={wanted['algorithm']}" if "algorithm" in wanted else ""
    return (
        f'Digest username="{user}", realm="{wanted["realm"]}", nonce="{nonce}", uri="{uri}", '
        f'response="{hashed(f"{who}:{middle}:{what}")}"{extra}'
    )
