"""A small EMR on this machine: moto's control plane and S3 on loopback, whose steps run, on the Hadoop lab if need be.

service.py answers EMR's requests, cluster.py takes clusters and steps through their states, node.py runs a step as a
master node does, and plane.py is all of that behind one endpoint, which also records what it is asked and misbehaves.
"""
