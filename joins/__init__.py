"""The join tools: a barrier that opens only when both sides are there."""
