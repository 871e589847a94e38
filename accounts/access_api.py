"""Requests for access and their decisions, for programs."""

from typing import Any, cast

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import policies, selectors, services
from accounts.access_serializers import (
    AccessRequestSerializer,
    AskSerializer,
    ChangeSerializer,
    DecisionSerializer,
    MessageSerializer,
    RenewalSerializer,
)
from accounts.api import refusals
from accounts.models import AccessGrant, AccessRequest, RequestMessage, User
from accounts.permissions import Allow

READ = Allow(policies.is_person, scope="read")
ASK = Allow(policies.is_person, scope="download")
DECIDE = Allow(policies.is_reviewer, scope="manage")


def _person(request: Request) -> User:
    return cast(User, request.user)


def _readable(request: Request, view: APIView) -> QuerySet[AccessRequest]:
    """The own requests; for whoever decides (a token needs the scope `manage`) those to decide about, too."""
    own = selectors.requests().filter(user=_person(request))
    if not DECIDE().has_permission(request, view):
        return own
    return selectors.requests().filter(pk__in=selectors.requests_for(_person(request)).values("pk")) | own


def _own(request: Request, pk: int) -> AccessRequest:
    return get_object_or_404(selectors.requests().filter(user=_person(request)), pk=pk)


def _answer(row: AccessRequest, code: int = status.HTTP_200_OK) -> Response:
    return Response(AccessRequestSerializer(selectors.requests().get(pk=row.pk)).data, status=code)


class AccessRequests(ListAPIView[AccessRequest]):
    """Your own requests; reviewers and data managers (a token needs the scope `manage`) see those they decide about."""

    serializer_class = AccessRequestSerializer
    filterset_fields = ["status"]
    queryset = AccessRequest.objects.none()

    def get_permissions(self) -> list[BasePermission]:
        return [ASK() if self.request.method == "POST" else READ()]

    def get_queryset(self) -> QuerySet[AccessRequest]:
        return _readable(self.request, self).order_by("-created_at", "-pk")

    @extend_schema(request=AskSerializer, responses={201: AccessRequestSerializer})
    def post(self, request: Request) -> Response:
        """Asks for groups and contents of a dataset. With `draft` it is only kept; else the agreement has to be signed.
        An open dataset grants at once: the answer's status says so."""
        asked = AskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        draft = values.pop("draft")
        with refusals():
            make = services.save_request if draft else services.ask
            created = make(user=_person(request), **values)
        return _answer(created, status.HTTP_201_CREATED)


class AccessRequestDetail(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [ASK() if self.request.method == "PATCH" else READ()]

    @extend_schema(responses=AccessRequestSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One request, with what was granted of it."""
        return Response(AccessRequestSerializer(get_object_or_404(_readable(request, self), pk=pk)).data)

    @extend_schema(request=ChangeSerializer, responses=AccessRequestSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Changes your draft, or a request that came back with a question. It is sent by `submission`."""
        asked = _own(request, pk)
        changes = ChangeSerializer(data=request.data, context={"dataset": asked.dataset})
        changes.is_valid(raise_exception=True)
        values: dict[str, Any] = {
            "groups": asked.groups.all(),
            "contents": asked.contents,
            "project": asked.project,
            "purpose": asked.purpose,
            "achieved": asked.achieved,
            **changes.validated_data,
        }
        with refusals():
            services.save_request(
                user=_person(request), dataset=asked.dataset, renews=asked.renews, request=asked, **values
            )
        return _answer(asked)


class AccessRequestSubmission(APIView):
    permission_classes = [ASK]

    @extend_schema(request=None, responses=AccessRequestSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Sends your draft, or the request that came back with a question, to those who decide."""
        asked = _own(request, pk)
        with refusals():
            services.submit_request(request=asked, user=_person(request))
        return _answer(asked)


class AccessRequestWithdrawal(APIView):
    permission_classes = [ASK]

    @extend_schema(request=None, responses=AccessRequestSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Takes back your request, or throws your draft away."""
        asked = _own(request, pk)
        with refusals():
            services.withdraw_request(request=asked, user=_person(request))
        return _answer(asked)


class AccessRequestMessages(APIView):
    permission_classes = [READ]

    @extend_schema(responses=MessageSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """The conversation about a request, the oldest message first."""
        asked = get_object_or_404(_readable(request, self), pk=pk)
        return Response(MessageSerializer(asked.messages.select_related("author", "request"), many=True).data)

    @extend_schema(request=MessageSerializer, responses={201: MessageSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Writes to the other side, who is told by e-mail that there is a message. About the own request a token needs
        the scope `download`, as to ask; about another's `manage`."""
        asked = get_object_or_404(_readable(request, self), pk=pk)
        # Other people's requests are found with `manage` alone.
        if asked.user_id == _person(request).pk and not ASK().has_permission(request, self):
            self.permission_denied(request)
        sent = MessageSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with refusals():
            message: RequestMessage = services.write_message(
                request=asked, author=_person(request), text=sent.validated_data["text"]
            )
        return Response(MessageSerializer(message).data, status=status.HTTP_201_CREATED)


class AccessRequestDecision(APIView):
    permission_classes = [DECIDE]

    @extend_schema(request=DecisionSerializer, responses=AccessRequestSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Grants a request (or less than it asks for), refuses it, or gives it back with a question (`ask`). A refusal
        and a question need a reason; the researcher is told by e-mail."""
        asked = get_object_or_404(selectors.requests_for(_person(request)), pk=pk)
        decision = DecisionSerializer(data=request.data, context={"dataset": asked.dataset})
        decision.is_valid(raise_exception=True)
        given = decision.validated_data
        with refusals():
            if given["decision"] == "ask":
                services.ask_more(request=asked, reviewer=_person(request), text=given["reason"])
            else:
                services.decide(
                    request=asked,
                    manager=_person(request),
                    granted=given["decision"] == "grant",
                    reason=given["reason"],
                    days=given["days"],
                    groups=given["groups"],
                    contents=given["contents"],
                )
        return _answer(asked)


class GrantRenewal(APIView):
    permission_classes = [ASK]

    @extend_schema(request=RenewalSerializer, responses={201: AccessRequestSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Asks for your access to go on, for the same groups, contents and purpose, saying what was done so far."""
        grant = get_object_or_404(AccessGrant, pk=pk, user=_person(request))
        renewal = RenewalSerializer(data=request.data)
        renewal.is_valid(raise_exception=True)
        with refusals(), transaction.atomic():
            created = services.ask(
                user=_person(request),
                dataset=grant.dataset,
                groups=grant.groups.all(),
                contents=grant.contents,
                project=grant.request.project,
                purpose=grant.request.purpose,
                renews=grant,
                achieved=renewal.validated_data["achieved"],
            )
        return _answer(created, status.HTTP_201_CREATED)
