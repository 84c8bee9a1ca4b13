"""What holds for all tests."""

from hypothesis import settings

from tests import examples

__all__ = ["examples"]

settings.load_profile("all")  # unless --hypothesis-profile names another
