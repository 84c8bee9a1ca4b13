"""A small EMR on this machine: moto's control plane and S3 on loopback, whose steps run, on the Hadoop lab if need be.

plane.py is all of it, behind one endpoint: front.py records the requests and refuses some when told to, service.py and
refusals.py answer EMR's, cluster.py and step.py take clusters through their states, node.py runs a step as a master node
does. user.py asks for clusters, in tests of all this.
"""
