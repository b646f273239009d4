"""Worked examples on real data of other kinds; docs/own-data.md tells what they show."""
