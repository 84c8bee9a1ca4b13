"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else this machine does; a test that hangs is found by its timeout.
settings.register_profile("fanin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fanin")
