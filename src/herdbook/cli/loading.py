"""Has Python look for garbage only once all is loaded: loading leaves none, and takes its time."""

import gc

_WHILE_LOADING = 1_000_000
"""New objects before the first look: more than loading makes, and still an end to what is kept."""

_usual = gc.get_threshold()


def begin_loading() -> None:
    """Put off the look for garbage; what opens no session is over before it would pay."""
    gc.set_threshold(_WHILE_LOADING)


def end_loading() -> None:
    """Look for garbage as usual from now on, but pass over what was loaded: that stays.

    It is passed over in the end, too, which saves a third of a second: what has to be closed then
    says so itself, as a database does.
    """
    if gc.get_threshold()[0] == _WHILE_LOADING:
        gc.freeze()
        gc.set_threshold(*_usual)
