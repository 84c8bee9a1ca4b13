"""What a doctor does: asks one thing after another, and says of each whether it is there, and the fix if it is not."""

from collections.abc import Callable, Iterator
from typing import Any

from jobs.errors import FaninError

Ask = Callable[[Any], str]


class Missing(FaninError):
    """Something is not as it must be.  fix: what helps, where what helps in general does not."""

    def __init__(self, detail: str, fix: str = "") -> None:
        super().__init__(detail)
        self.fix = fix


class Skipped(Exception):
    """Something that cannot be asked here, but does not matter to what works."""


class Checks:
    """Checks, in the order of their declaration.  told: errors whose words are for users, besides our own."""

    def __init__(self, *told: type[Exception]) -> None:
        self._all: dict[str, tuple[Ask, str, tuple[str, ...]]] = {}
        self._told: tuple[type[Exception], ...] = (FaninError, *told)

    def __call__(self, what: str, fix: str, *needs: str) -> Callable[[Ask], Ask]:
        """Makes a check of a function that tells what is there, or raises.  needs: checks that it is vain without."""

        def declare(ask: Ask) -> Ask:
            self._all[what] = ask, fix, needs
            return ask

        return declare

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def run(self, subject: Any) -> bool:
        """Prints a line for each check of `subject`; whether all is there."""
        lacking: set[str] = set()
        for what, (ask, fix, needs) in self._all.items():
            if unmet := [need for need in needs if need in lacking]:
                _tell("skipped", what, f"needs {unmet[0]}", "")
                lacking.add(what)
                continue
            state, detail, fix = self._answer(ask, fix, subject)
            _tell(state, what, detail, fix)
            lacking |= {what} if state == "missing" else set()
        return not lacking

    def _answer(self, ask: Ask, fix: str, subject: Any) -> tuple[str, str, str]:
        try:
            return "ok", ask(subject), ""
        except Skipped as error:
            return "skipped", str(error), ""
        except self._told as error:
            return "missing", str(error), getattr(error, "fix", "") or fix
        except Exception as error:
            return "missing", f"{type(error).__name__}: {error}", fix


def _tell(state: str, what: str, detail: str, fix: str) -> None:
    text = f"{state:<8} {what}: {detail}" + (f"\nfix: {fix}" if fix else "")
    print(text.replace("\n", "\n  "), flush=True)
