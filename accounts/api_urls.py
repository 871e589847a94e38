from django.urls import path

from accounts import api

urlpatterns = [
    path("me/", api.Me.as_view(), name="me"),
    path("access-requests/", api.AccessRequests.as_view(), name="access_requests"),
    path("access-requests/<int:pk>/decision/", api.AccessRequestDecision.as_view(), name="access_request_decision"),
    path("agreements/<int:pk>/signature/", api.AgreementSignature.as_view(), name="agreement_signature"),
    path("invitations/", api.Invitations.as_view(), name="invitations"),
]
