"""Where inputs lie and outputs go. Nothing here knows an engine."""
