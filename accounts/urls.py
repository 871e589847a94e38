from django.urls import path

from accounts.views import invitation, manage, mine

app_name = "accounts"
urlpatterns = [
    path("me/", mine.profile, name="profile"),
    path("me/tokens/", mine.tokens, name="tokens"),
    path("me/tokens/<int:pk>/revoke", mine.token_revoke, name="token_revoke"),
    path("me/requests/<int:pk>/withdraw", mine.request_withdraw, name="request_withdraw"),
    path("agreements/<int:pk>/", mine.agreement, name="agreement"),
    path("invitations/<str:token>/", invitation.invitation, name="invitation"),
    path("manage/requests/", manage.manage_requests, name="manage_requests"),
    path("manage/requests/<int:pk>/", manage.manage_request, name="manage_request"),
    path("manage/grants/<int:pk>/revoke", manage.grant_revoke, name="grant_revoke"),
    path("manage/people/", manage.manage_people, name="manage_people"),
    path("manage/hospitals/new", manage.hospital_new, name="hospital_new"),
]
