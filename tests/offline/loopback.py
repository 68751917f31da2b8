"""Sockets that reach this machine alone, for a whole process; what tried to leave it is written down.

Libraries of models often swallow an error of the network, so that a test cannot rely on seeing one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from typing import Any

LEFT = "TOKIR_TESTS_LEFT_THE_MACHINE"
"""The variable that names the file in which attempts are written down, those of processes of their own too."""


def only() -> None:
    """From here on no socket of this process connects to another machine, and no name of one is looked up."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
        _refuse(host)
        return look_up(host, *arguments, **more)

    socket.getaddrinfo = getaddrinfo


def _guarded(method: Any) -> Any:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse(arguments[-1][0])  # the address stands last
        return method(self, *arguments)

    return guarded


def _refuse(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost") or name.endswith(".invalid"):  # which stands for no machine, by RFC 2606
        return
    with contextlib.suppress(ValueError):  # it is no number
        address = ipaddress.ip_address(name.partition("%")[0])
        if address.is_loopback or address.is_unspecified:
            return
    if path := os.environ.get(LEFT):
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not needed at the start of a process
            file.write(f"{name}\n")
    raise OSError(f"the tests reach no other machine ({name})")
