"""HTTP as uvicorn reads it, with a bound on what comes before a body."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 64 << 10  # bytes of a request's line and headers; time grows with the square of the longest
TOO_LONG = f"The headers of this request are longer than {HEAD >> 10} KiB."


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head that does not end."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head: int | None = None  # bytes of one that has begun and not ended

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It has ended."""
        self._head = None
        super().on_headers_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing of it to the operator, whose log any client could fill; the request is answered as any other."""

    def data_received(self, data: bytes) -> None:
        """Read on, unless this head is too long already; what it began with, beside another body, is not counted."""
        begun = self._head is not None
        super().data_received(data)
        if begun and self._head is not None:
            self._head += len(data)
            if self._head > HEAD:
                self.send_400_response(TOO_LONG)
