"""What a task raises, apart from what it did not expect."""


class Failure(Exception):
    """It can't be done, and trying again would change nothing.  The text tells
    a person what to mend."""


class TryAgain(Exception):
    """It can't be done now: somebody is away, busy or at it already."""
