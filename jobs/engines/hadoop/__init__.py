"""The Hadoop engine: mrjob's own Hadoop runner, watched, and with an output that appears whole or not at all."""
