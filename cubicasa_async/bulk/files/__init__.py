"""Rows from files of any kind: CSV, Excel, JSON lines, Parquet."""
