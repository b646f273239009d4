"""Figures as data, and what draws them: on the page (Plotly) and in files (matplotlib)."""
