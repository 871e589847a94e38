from django.urls import path

from accounts.views import agreements, invitation, manage, manage_agreements, mine, requests, reviewing

app_name = "accounts"
urlpatterns = [
    path("me/", mine.profile, name="profile"),
    path("me/tokens/", mine.tokens, name="tokens"),
    path("me/tokens/<int:pk>/revoke", mine.token_revoke, name="token_revoke"),
    path("me/requests/<int:pk>/", requests.request_detail, name="request"),
    path("me/requests/<int:pk>/withdraw", requests.request_withdraw, name="request_withdraw"),
    path("requests/<int:pk>/message", reviewing.request_message, name="request_message"),
    path("me/signatures/<int:pk>/receipt.pdf", agreements.receipt, name="receipt"),
    path("agreements/<int:pk>/", agreements.agreement, name="agreement"),
    path("agreements/<int:pk>/agreement.pdf", agreements.agreement_pdf, name="agreement_pdf"),
    path("invitations/<str:token>/", invitation.invitation, name="invitation"),
    path("manage/requests/", reviewing.manage_requests, name="manage_requests"),
    path("manage/requests/<int:pk>/", reviewing.manage_request, name="manage_request"),
    path("manage/grants/<int:pk>/revoke", reviewing.grant_revoke, name="grant_revoke"),
    path("manage/requests/templates/", reviewing.reasons, name="reasons"),
    path("manage/requests/templates/<int:pk>/", reviewing.reason, name="reason"),
    path("manage/people/", manage.manage_people, name="manage_people"),
    path("manage/agreements/", manage_agreements.manage_agreements, name="manage_agreements"),
    path("manage/agreements/new", manage_agreements.agreement_new, name="agreement_new"),
    path("manage/agreements/<int:pk>/", manage_agreements.manage_agreement, name="manage_agreement"),
    path("manage/agreements/<int:pk>/replace", manage_agreements.agreement_replace, name="agreement_replace"),
    path(
        "manage/agreements/<int:pk>/signatures.csv",
        manage_agreements.agreement_signatures,
        name="agreement_signatures",
    ),
    path("manage/hospitals/new", manage.hospital_new, name="hospital_new"),
]
