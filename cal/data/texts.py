"""Stored texts as the network sees them: tokens of a tokenizer that lies in a local folder."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.config import ConfigError
from cal.data.reading import Array
from cal.data.splits import Ids


@lru_cache(maxsize=4)
def tokenizer(folder: str) -> Any:
    """Of transformers, from files alone. Raises ``ConfigError``."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ConfigError(
            "data.tokenizer: text needs transformers: pip install transformers"
        ) from None
    try:
        return AutoTokenizer.from_pretrained(
            str(Path(folder).expanduser()), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # transformers raises many kinds
        reason = " ".join(str(error).split())
        raise ConfigError(f"data.tokenizer: given {folder}; cannot be read: {reason}") from None


def content(folder: str) -> str:
    """SHA-256 of the tokenizer, whatever folder it lies in; how long its texts are is not its."""
    backend = json.loads(tokenizer(folder).backend_tokenizer.to_str())
    told = {key: value for key, value in backend.items() if key not in ("truncation", "padding")}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def strings(stored: Array) -> list[str]:
    """uint8 [B, bytes], filled up with 0 -> texts."""
    return [row.tobytes().rstrip(b"\0").decode() for row in stored]


def stored_as(texts: list[str], width: int) -> Array:
    """The way back: uint8 [B, width]. Raises ``ValueError`` for a text that is too long."""
    found = np.zeros((len(texts), width), np.uint8)
    for row, text in zip(found, texts, strict=True):
        content = text.encode()
        if len(content) > width:
            raise ValueError(f"text: given {len(content)} bytes; allowed: at most {width}")
        row[: len(content)] = np.frombuffer(content, np.uint8)
    return found


@dataclass(frozen=True, eq=False)
class TextView:
    """``folder``: of the tokenizer; ``tokens``: T, longer texts are cut."""

    folder: str
    tokens: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[T]."""
        return (self.tokens,)

    def sent(self, stored: Array) -> Tensor:
        """Tokens [B, T] int64, filled up with the tokenizer's padding."""
        found = tokenizer(self.folder)(
            strings(stored), padding="max_length", truncation=True, max_length=self.tokens
        )
        return torch.tensor(found["input_ids"])

    def seen(self, x: Tensor, ids: Ids, epoch: int | None) -> Tensor:
        """As sent."""
        return x
