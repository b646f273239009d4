"""Tables and pages, made of plain data."""
