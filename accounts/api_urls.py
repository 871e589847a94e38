from django.urls import path

from accounts import access_api, api

urlpatterns = [
    path("me/", api.Me.as_view(), name="me"),
    path("access-requests/", access_api.AccessRequests.as_view(), name="access_requests"),
    path("access-requests/<int:pk>/", access_api.AccessRequestDetail.as_view(), name="access_request"),
    path(
        "access-requests/<int:pk>/submission/",
        access_api.AccessRequestSubmission.as_view(),
        name="access_request_submission",
    ),
    path(
        "access-requests/<int:pk>/withdrawal/",
        access_api.AccessRequestWithdrawal.as_view(),
        name="access_request_withdrawal",
    ),
    path(
        "access-requests/<int:pk>/messages/",
        access_api.AccessRequestMessages.as_view(),
        name="access_request_messages",
    ),
    path(
        "access-requests/<int:pk>/decision/",
        access_api.AccessRequestDecision.as_view(),
        name="access_request_decision",
    ),
    path("grants/<int:pk>/renewal/", access_api.GrantRenewal.as_view(), name="grant_renewal"),
    path("agreements/<int:pk>/signature/", api.AgreementSignature.as_view(), name="agreement_signature"),
    path("invitations/", api.Invitations.as_view(), name="invitations"),
]
