# SPDX-License-Identifier: BSD-3-Clause
"""The application: its routes, and what each answer says to a browser. Nothing is fetched from other hosts."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shiftcore.station import intake
from shiftcore.station.web import boards, pages, people, weights
from shiftcore.station.web.access import AwayError
from shiftcore.station.web.parts import HERE, Parts

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src "
    "'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def application(parts: Parts) -> FastAPI:
    """The station of these parts. Telemetry is off: nothing that a form holds leaves the station."""
    quiet = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False)
    app = FastAPI(title="Shiftcore", docs_url=None, redoc_url=None, openapi_url=None, telemetry=quiet)
    app.state.parts = parts
    app.add_middleware(_Headers)
    app.exception_handler(AwayError)(_away)
    app.exception_handler(HTTPException)(_problem)
    app.exception_handler(intake.RefusedError)(boards.refused)
    for module in (boards, pages, people, weights):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    return app


class _Headers:
    """Around `app`: each answer has `HEADERS`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


async def _away(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AwayError)
    return RedirectResponse(error.to, 303)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        return PlainTextResponse(str(error.detail), error.status_code, error.headers)
    parts: Parts = request.app.state.parts
    page = parts.page("problem", error.status_code, problem=str(error.detail), person=None, token="", path="")
    page.headers.update(error.headers or {})
    return page
