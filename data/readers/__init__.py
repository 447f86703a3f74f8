"""Readers: from files on disk to the sources of `data.samples`, each at the price of reading that one.

Formats are `folders`, `tables` (JSONL, parquet), `shards` (WebDataset) and `stream`; `sets` holds the
published sets. Broken pictures are passed over and counted by `data.rows`.
"""
