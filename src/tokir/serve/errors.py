"""What a client did wrong, or what this machine lacks, as a status and a JSON answer in the shape of OpenAI's API."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.serve.answers import ErrorAnswer


@dataclass
class Refusal(Exception):
    """A request that is not answered.

    Attributes:
        message: one sentence: what is wrong and what to do.
        status: of HTTP.
        code: what programs can tell the reason by.
        param: the field of the request that is at fault.
        headers: of the answer.
    """

    message: str
    status: int = 400
    code: str | None = None
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def answer(self) -> ErrorAnswer:
        """The body that says so."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}
