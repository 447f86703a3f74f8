"""Readers: from files on disk to the sources of `data.samples`, each at the price of reading that one.

Formats are `folders`, `tables` (JSONL, parquet), `shards` (WebDataset) and `stream`; `sets` holds the
published sets; `faults` goes on where a few pictures are broken.
"""
