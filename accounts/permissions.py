"""Permissions of the API. The default is `Denied`; a view names the policy and the token scope that open it:

permission_classes = [Allow(policies.is_curator, scope="curate")]
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken
from audit.denials import because

if TYPE_CHECKING:  # rest_framework.views imports this module while it is being imported itself
    from rest_framework.views import APIView


class Denied(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        return False


def Allow(policy: Callable[[Any], bool], *, scope: str) -> type[BasePermission]:
    """A permission class: `policy` holds for the person and, where a token was sent, the token has `scope`."""

    class Allowed(BasePermission):
        def has_permission(self, request: Request, view: "APIView") -> bool:
            if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
                because(request, f"no_scope_{scope}")
                return False
            if not policy(request.user):
                because(request, f"no_{policy.__name__.removeprefix('is_')}")
                return False
            return True

    return Allowed


class Public(BasePermission):
    """Open to everybody, visitors included: the catalogue."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return True
