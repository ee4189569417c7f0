"""What was asked for is wrong, or a part of the bench is: not the program."""


class UsageError(Exception):
    """A mistake in what was asked: a file, key or flag, with its remedy, in one line.

    The command line prints it as it is and exits with code 2; nothing has been written by then.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class PartError(Exception):
    """What became of a part that raised or died, as one line that needs no type before it."""
