"""The one checkpoint store, by the run's hash: a local folder or any URI that pyarrow opens."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from pyarrow import fs

from cal.config import ConfigError

State = dict[str, Any]


class DamagedError(RuntimeError):
    """A checkpoint that cannot be read."""


def _filesystem(folder: str) -> tuple[fs.FileSystem, str]:
    try:
        if "://" in folder:
            found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(folder)
            return found
        return fs.LocalFileSystem(), str(Path(folder).absolute())
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"CAL_HOME: given {folder}; cannot be opened: {reason}") from None


def location(folder: str, key: str) -> str:
    """Path or URI of the checkpoint of run ``key``."""
    return f"{folder.rstrip('/')}/{key}.pt"


def save(state: State, folder: str, key: str) -> None:
    """Write atomically: a reader sees the old state or the new one, never a part."""
    system, root = _filesystem(folder)
    buffer = BytesIO()
    torch.save(state, buffer)
    system.create_dir(root, recursive=True)
    path = location(root, key)
    local = isinstance(system, fs.LocalFileSystem)
    target = f"{path}.{os.getpid()}.part" if local else path  # object stores put atomically
    try:
        with system.open_output_stream(target) as stream:
            stream.write(buffer.getvalue())
        if local:
            _synced(target)
            os.replace(target, path)
    finally:
        if local:  # a full disk leaves no part behind
            Path(target).unlink(missing_ok=True)


def remove(folder: str, name: str) -> None:
    """Delete what others left in ``folder`` under ``name``, if it is there."""
    system, root = _filesystem(folder)
    path = f"{root.rstrip('/')}/{name}"
    kind = system.get_file_info(path).type
    if kind == fs.FileType.Directory:
        system.delete_dir(path)
    elif kind == fs.FileType.File:
        system.delete_file(path)


def keys(folder: str) -> list[str]:
    """Names of all states in ``folder``, sorted; none where there is no folder."""
    system, root = _filesystem(folder)
    chosen = fs.FileSelector(root, allow_not_found=True)
    found = (info.base_name for info in system.get_file_info(chosen))
    return sorted(name.removesuffix(".pt") for name in found if name.endswith(".pt"))


def _synced(path: str) -> None:
    """On the disk itself: after a power cut the name must not stand for an empty file."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def load(folder: str, key: str) -> State | None:
    """The newest state of run ``key``, on the CPU; None if there is none.

    Raises ``DamagedError`` for a file that is no checkpoint.
    """
    system, root = _filesystem(folder)
    path = location(root, key)
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return None
    with system.open_input_stream(path) as stream:
        content = stream.read()
    try:
        state: State = torch.load(BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged file raises whatever its reader stumbles over
        raise DamagedError(f"{path}: no checkpoint: {error}") from error
    return state
