"""What holds for all tests."""

from collections import defaultdict

import pytest
from hypothesis import settings

from tests import examples

__all__ = ["examples"]

settings.load_profile("all")  # unless --hypothesis-profile names another


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells where the time goes, if it is asked for (--durations): seconds of all workers, by file."""
    if terminalreporter.config.option.durations is None:
        return
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("seconds by file")
    for name, spent in sorted(seconds.items(), key=lambda item: -item[1])[:40]:
        terminalreporter.line(f"{spent:7.1f} {name}")
