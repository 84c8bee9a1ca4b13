"""Engines: where a Plan runs. Each is a function of the Plan, its inputs and its output."""
