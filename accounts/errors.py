"""What `accounts.services` refuse, in words for the person who asked."""

from django.utils.functional import Promise


class AccountsError(ValueError):
    """A step that can't be taken now; `message` says why and what to do instead (translated when shown)."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


class NotAllowedError(AccountsError):
    """The person lacks the role, or the thing is somebody else's."""


class AlreadyDoneError(AccountsError):
    """Somebody else, or the same person in another window, was first."""


class InvitationUnusableError(AccountsError):
    """Used or expired."""


class LogInFirstError(AccountsError):
    """The invited address has an account, which has to be logged in."""
