"""The join tools: one strategy a file."""
