from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import policies, selectors, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessRequest, Agreement, User
from accounts.permissions import Allow
from accounts.serializers import (
    AccessRequestSerializer,
    AskSerializer,
    DecisionSerializer,
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


class AccessRequests(ListAPIView[AccessRequest]):
    """Your own requests; a data manager (a token needs the scope `manage`) sees everybody's."""

    serializer_class = AccessRequestSerializer
    filterset_fields = ["status"]
    queryset = AccessRequest.objects.none()

    def get_permissions(self) -> list[BasePermission]:
        return [Allow(policies.is_person, scope="download" if self.request.method == "POST" else "read")()]

    def get_queryset(self) -> QuerySet[AccessRequest]:
        requests = selectors.requests().order_by("-created_at", "-pk")
        if Allow(policies.is_data_manager, scope="manage")().has_permission(self.request, self):
            return requests
        return requests.filter(user=cast(User, self.request.user))

    @extend_schema(request=AskSerializer, responses={201: AccessRequestSerializer})
    def post(self, request: Request) -> Response:
        """Asks for groups of a dataset whose agreement you have signed."""
        asked = AskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            created = services.ask(user=cast(User, request.user), **asked.validated_data)
        return Response(AccessRequestSerializer(created).data, status=status.HTTP_201_CREATED)


class AccessRequestDecision(APIView):
    permission_classes = [Allow(policies.is_data_manager, scope="manage")]

    @extend_schema(request=DecisionSerializer, responses=AccessRequestSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Grants or refuses a request; a refusal needs a reason, and the researcher is told by e-mail."""
        asked = get_object_or_404(selectors.requests(), pk=pk)
        decision = DecisionSerializer(data=request.data)
        decision.is_valid(raise_exception=True)
        with refusals():
            services.decide(
                request=asked,
                manager=cast(User, request.user),
                granted=decision.validated_data["decision"] == "grant",
                reason=decision.validated_data["reason"],
                days=decision.validated_data["days"],
            )
        return Response(AccessRequestSerializer(asked).data)


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
