"""Rows -> summary.json, a file for each part of it. Pure: numpy, scipy and plain data."""

from ablations.summary.tree import SCHEMA_VERSION, analyse, comparable, summarise, told, words

__all__ = ["SCHEMA_VERSION", "analyse", "comparable", "summarise", "told", "words"]
