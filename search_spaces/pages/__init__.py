"""The report of a search as pages."""
