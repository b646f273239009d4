from pathlib import Path

import numpy as np
import pytest
import torch

from cal.config import ConfigError
from cal.data.texts import TextView, content, stored_as, strings, tokenizer
from tests.texts import tiny_bert


def test_texts_come_back_as_they_were() -> None:
    texts = ["", "rain, broken", "na\u00efve \u2603"]
    assert strings(stored_as(texts, 16)) == texts


def test_a_text_that_is_too_long_is_told() -> None:
    with pytest.raises(ValueError, match="given 4 bytes; allowed: at most 3"):
        stored_as(["\u2603!"], 3)


def test_tokens_are_filled_up_and_cut(tmp_path: Path) -> None:
    view = TextView(str(tiny_bert(tmp_path / "bert")), 6)
    found = view.sent(stored_as(["sun party", "rain broken sad rain broken sad", ""], 64))
    names = tokenizer(view.folder).convert_ids_to_tokens
    assert found.dtype == torch.int64
    assert found.shape == (3, *view.shape)
    assert names(found[0]) == ["[CLS]", "sun", "party", "[SEP]", "[PAD]", "[PAD]"]
    assert names(found[1])[-1] == "[SEP]"
    assert names(found[2])[:3] == ["[CLS]", "[SEP]", "[PAD]"]
    assert torch.equal(view.seen(found, np.arange(3), 0), found)


def test_content_is_the_vocabulary_not_the_folder_and_not_its_use(tmp_path: Path) -> None:
    first, second = (tiny_bert(tmp_path / name) for name in "ab")
    before = content(str(first))
    TextView(str(first), 4).sent(stored_as(["sun"], 8))
    assert content(str(first)) == before == content(str(second))
    with (second / "vocab.txt").open("a") as file:
        file.write("more\n")
    tokenizer.cache_clear()
    assert content(str(second)) != before


def test_no_tokenizer_is_one_line(tmp_path: Path) -> None:
    line = r"^data\.tokenizer: given [^\n]*; cannot be read: [^\n]*$"
    with pytest.raises(ConfigError, match=line):
        tokenizer(str(tmp_path / "nothing"))
