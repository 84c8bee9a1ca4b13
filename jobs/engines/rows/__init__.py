"""Jobs of mappers and reducers over lines on this machine, with the semantics of MapReduce: what happens here happens on Hadoop.

input ── splits ──> mappers (─ sorted ─> combiners) ── lines ──> shuffle: DuckDB ── sorted parts ──> reducers ──> part files
"""
