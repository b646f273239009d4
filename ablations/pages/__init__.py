"""The report's faces: HTML, Markdown and LaTeX, from the summary, tables and charts. No files."""
