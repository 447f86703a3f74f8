"""Readers of published sets, each in the layout in which it is downloaded; `table.py` lists them."""
