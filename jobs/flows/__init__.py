"""Flows: steps chained through output directories; a step starts once all that it needs is there and verified.

from jobs.flows import Flow, Parameter, Run

clean = Run(name="clean", job="my_jobs.py:Clean", inputs=["logs/{date}/*.gz"], output="out/{date}/clean")
top = Run(name="top", job="top_pages", inputs=[clean], output="out/{date}/top", options={"n": 5})
flow = Flow("pages", [clean, top], {"date": Parameter("date")})
flow.run({"date": "2026-11-01"})
"""

from jobs.flows.flow import Flow
from jobs.flows.steps import Bucket, Command, Delete, Join, Merge, Reduce, Run, Step, Streaming
from jobs.flows.values import Parameter

__all__ = ["Bucket", "Command", "Delete", "Flow", "Join", "Merge", "Parameter", "Reduce", "Run", "Step", "Streaming"]
