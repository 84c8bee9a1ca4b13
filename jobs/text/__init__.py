"""Bytes to rows, rows to bytes. Nothing here knows an engine."""
