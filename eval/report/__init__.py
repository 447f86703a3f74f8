"""Reports: what a run found out, as one set of sections for a page, Markdown, JSON and CSV."""
