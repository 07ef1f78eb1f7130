"""A report for people: one self-contained HTML page with tables and pictures."""
