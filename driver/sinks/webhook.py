# SPDX-License-Identifier: BSD-3-Clause
"""Events as JSON to an address of the user's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from shiftcore.driver.events import Event
from shiftcore.driver.sinks.courier import Courier, Server, address_mistake
from shiftcore.driver.sinks.sink import Place, Sink
from shiftcore.driver.sinks.spool import Spool


@dataclass(frozen=True)
class WebhookSettings:
    """Each event is sent to `address` (POST, JSON), with `token` as a bearer's where there is one; `ca`: who signed the
    server's certificate, "" for those that the system trusts."""

    address: str = field(repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""

    def mistakes(self) -> Iterator[str]:
        """What is wrong with them."""
        if wrong := address_mistake(self.address):
            yield f"address: {wrong}"

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError for certificates that are none, and where the spool cannot be written."""
        server = Server(self.address, self.token, self.ca)

        def deliver(event: Event) -> None:
            server.call("POST", "", event, {"Idempotency-Key": f"{event['id']}-{event['event']}"})

        return Courier(server.address, Spool(place.spool, place.say), deliver, place.say)
