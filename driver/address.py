# SPDX-License-Identifier: BSD-3-Clause
"""Addresses of cameras and brokers as others may see them: without user, password or token."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

# What chooses a picture and lets nobody in; the value of any other parameter behind "?" is hidden.
_HARMLESS = re.compile(
    r"(ch|chn|chan|channel|chnid|channelid|camera|cam|cameraid|subtype|stream|streamtype|profile|view|input|port|"
    r"resolution|size|width|height|fps|rate|bitrate|quality|compression|codec|videocodec|video|audio|unicast|"
    r"transport|transportmode|proto|protocol|mode|timeout|pkt_size|overrun_nonfatal|fifo_size|reuse|ttl)",
    re.IGNORECASE,
)
# Some cameras want user and password as parts of the path: /user=admin_password=secret_channel=1
_IN_PATH = re.compile(
    r"((?:use?r|account|login|pass|pwd|psw|pw|token|key|auth|secret|credential|sig|session|sid)[a-z]*[=:])"
    r"((?:(?!_[a-z]+=|\.sdp)[^&/?#;\s])*)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
HIDDEN = "***"


@dataclass(frozen=True)
class Address:
    """An address with what it must not show. `secret` is for whoever connects; printed, it is `shown`."""

    secret: str = field(repr=False)

    @property
    def shown(self) -> str:
        """Without user and password, and with every value hidden that may let somebody in."""
        scheme, colon, rest = self.secret.rpartition("://") if "://" in self.secret else ("", "", self.secret)
        rest = rest[_userinfo(rest) :]
        path, mark, query = rest.partition("?")
        path = _IN_PATH.sub(rf"\g<1>{HIDDEN}", path)
        shown = [_parameter(part) for part in re.split(r"([&;?#])", query)]
        return scheme + colon + path + mark + "".join(shown)

    def __str__(self) -> str:
        return self.shown

    def clean(self, text: str) -> str:
        """`text`, of a library that may have quoted the address, with nothing of it that is secret."""
        text = text.replace(self.secret, self.shown)
        text = _ADDRESS.sub(lambda found: Address(found.group()).shown, text)
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def credentials(self) -> tuple[str, str]:
        """User and password, as they are; empty where there are none."""
        rest = self.secret.partition("://")[2]
        user, _, password = rest[: max(0, _userinfo(rest) - 1)].partition(":")
        return unquote(user), unquote(password)

    def _secrets(self) -> set[str]:
        rest = self.secret.partition("://")[2]
        inside, query = rest[: max(0, _userinfo(rest) - 1)], rest.partition("?")[2]
        found = {inside, *inside.partition(":")[::2], *(match[1] for match in _IN_PATH.findall(rest))}
        found |= {value for part in re.split("[&;?#]", query) for key, _, value in [part.partition("=")]
                  if not _HARMLESS.fullmatch(key)}  # fmt: skip
        found |= {unquote(secret) for secret in found}
        return {secret for secret in found if len(secret) > 3}  # shorter ones stand in many a word


def _userinfo(rest: str) -> int:
    """How long user and password are, with the @ behind them, at the beginning of an address without its scheme. One
    who forgot to escape a / or ? in a password is not to read it in a message either."""
    before = rest.partition("?")[0]
    head, at, _ = before.rpartition("@")
    if at and (":" in head or "/" not in head):
        return len(head) + 1
    host = re.match(r"(\[[0-9a-fA-F:.%]*\]|[^:/?#]*)(:\d*)?(?=[/?#]|$)", rest)
    return 0 if host else rest.rfind("@") + 1


def _parameter(part: str) -> str:
    key, equals, _ = part.partition("=")
    if equals:
        return part if _HARMLESS.fullmatch(key) else f"{key}={HIDDEN}"
    return part if len(part) < 2 or part.isalpha() else HIDDEN
