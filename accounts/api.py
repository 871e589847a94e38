from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import policies, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import Agreement, User
from accounts.permissions import Allow
from accounts.serializers import (
    InvitationSerializer,
    MeSerializer,
    SignatureSerializer,
    SignSerializer,
)


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


@contextmanager
def refusals() -> Iterator[None]:
    """What a service refuses, as an answer: 403 for the wrong person, 409 for too late, 400 for the rest."""
    try:
        yield
    except NotAllowedError as error:
        raise PermissionDenied(str(error)) from error
    except AlreadyDoneError as error:
        raise Conflict(str(error)) from error
    except AccountsError as error:
        raise ValidationError({"detail": str(error)}) from error


class Me(RetrieveAPIView[User]):
    """Who you are here, your hospitals and your grants."""

    permission_classes = [Allow(policies.is_person, scope="read")]
    serializer_class = MeSerializer

    def get_object(self) -> User:
        return cast(User, self.request.user)


class AgreementSignature(APIView):
    permission_classes = [Allow(policies.is_person, scope="download")]

    @extend_schema(request=SignSerializer, responses={201: SignatureSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Signs an agreement with your name as in your account. Signing again gives the first signature back."""
        agreement = get_object_or_404(Agreement, pk=pk)
        signing = SignSerializer(data=request.data)
        signing.is_valid(raise_exception=True)
        with refusals():
            signature = services.sign(
                user=cast(User, request.user),
                agreement=agreement,
                typed_name=signing.validated_data["typed_name"],
                institution=signing.validated_data["institution"],
            )
        return Response(SignatureSerializer(signature).data, status=status.HTTP_201_CREATED)


class Invitations(APIView):
    permission_classes = [Allow(policies.is_data_manager, scope="manage")]

    @extend_schema(request=InvitationSerializer, responses={201: InvitationSerializer})
    def post(self, request: Request) -> Response:
        """Invites somebody to one or more hospitals. The link goes to that address only, so it is not in the answer."""
        invited = InvitationSerializer(data=request.data)
        invited.is_valid(raise_exception=True)
        with refusals():
            invitation, _secret = services.invite(manager=cast(User, request.user), **invited.validated_data)
        return Response(InvitationSerializer(invitation).data, status=status.HTTP_201_CREATED)
