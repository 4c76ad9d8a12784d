"""The one exception that stands for a mistake of the user's, not of the program."""


class UserError(Exception):
    """A wrong input: the message is one line that says what, where, and what would be right."""
