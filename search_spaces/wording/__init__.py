"""The numbers of a search in words: every sentence is generated. Pure."""

from search_spaces.wording.figures import (
    as_effect,
    counts,
    gain,
    lasting,
    score_text,
    sentence,
    value_text,
    with_error,
)
from search_spaces.wording.methods import REFERENCES, cited, method
from search_spaces.wording.notes import note
from search_spaces.wording.verdict import compared, values_words, verdict

__all__ = [
    "REFERENCES",
    "as_effect",
    "cited",
    "compared",
    "counts",
    "gain",
    "lasting",
    "method",
    "note",
    "score_text",
    "sentence",
    "value_text",
    "values_words",
    "verdict",
    "with_error",
]
