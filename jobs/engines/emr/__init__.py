"""Jobs on EMR, Amazon's Hadoop: a run of `-r hadoop` on the master node of a cluster, as one step of it.

laptop: request, bundles ── S3 ──> step on the master node: -r hadoop ── HDFS, YARN ──> output ── S3, manifest last
"""
