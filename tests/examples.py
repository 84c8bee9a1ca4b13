"""How many examples hypothesis tries: all of them, or few in a hurry (scripts/test --fast)."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else this machine does; a test that hangs is found by its timeout.
settings.register_profile("all", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", settings.get_profile("all"), max_examples=20)


def examples(number: int) -> settings:
    """The settings of a test that tries so many where others try 100; in a hurry as many fewer as those."""
    return settings(max_examples=max(number * settings().max_examples // 100, 5))
