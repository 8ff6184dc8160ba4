"""Opens a part of the program when it is first asked for something, not before."""

from collections.abc import Callable
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Part = TypeVar("Part")


class _Late:
    """Stands in for a part; what it is asked for is the part's own."""

    def __init__(self, opening: Callable[[], Any]) -> None:
        self._opening = opening
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the part has
        return getattr(self._opened(), name)

    def _opened(self) -> Any:  # noqa: ANN401 - whatever the part is
        with self._lock:  # two threads get one part
            if "_part" not in self.__dict__:
                self._part = self._opening()
            return self.__dict__["_part"]


def late(opening: Callable[Given, Part], *given: Given.args, **named: Given.kwargs) -> Part:
    """Return what `opening` gives, opened once it is used; an error of opening is raised then.

    Methods and attributes are the part's. Operators are not: a part that is called, compared or
    iterated over is to be opened at once.
    """
    return cast("Part", _Late(lambda: opening(*given, **named)))
