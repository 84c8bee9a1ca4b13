"""What runs inside a map or reduce task: functions of a Plan, a stream of lines in and one of lines out.

A task imports no mrjob; a node needs Python, duckdb and arro3-core.
"""
