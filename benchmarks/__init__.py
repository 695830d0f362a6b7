"""Ratios against peers: `python -m benchmarks [--quick] [NAME ...]`."""
