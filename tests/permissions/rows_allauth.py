"""allauth's own routes: each is asked once by each kind of person, so that none falls over or opens by a setting.

A redirect of a person who is logged in leads on to another page of allauth: back from the log-in page, or to the
password that sensitive changes ask for again."""

from collections.abc import Callable
from typing import Any

from tests.permissions.rows import Row, nothing
from tests.world import World

SEVEN = 7
VISITORS_ONLY = "200" + " 302" * SEVEN
PEOPLE_ONLY = "login" + " 200" * SEVEN
PEOPLE_ARE_LED_ON = "login" + " 302" * SEVEN
NOT_SET_UP = "login" + " 404" * SEVEN
NO_POST = "login" + " 405" * SEVEN


def _arguments(**values: object) -> Callable[[World], dict[str, Any]]:
    return lambda world: values


def _both(route: str, get: str, post: str, args: Callable[[World], dict[str, Any]] = nothing) -> tuple[Row, Row]:
    return Row(route, get, args=args), Row(route, post, method="POST", args=args)


ROWS: list[Row] = [
    *_both("account_login", VISITORS_ONLY, VISITORS_ONLY),
    *_both("account_signup", VISITORS_ONLY, VISITORS_ONLY),
    *_both("account_logout", "302" + " 200" * SEVEN, "302"),
    *_both("account_inactive", "200", "405"),
    *_both("account_reauthenticate", PEOPLE_ONLY, PEOPLE_ONLY),
    *_both("account_email", PEOPLE_ONLY, PEOPLE_ARE_LED_ON),
    *_both("account_email_verification_sent", "200", "405"),
    *_both("account_confirm_email", "200", "404", _arguments(key="none")),
    *_both("account_change_password", PEOPLE_ONLY, PEOPLE_ONLY),
    *_both("account_set_password", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("account_reset_password", "200", "200"),
    *_both("account_reset_password_done", "200", "405"),
    *_both("account_reset_password_from_key", "200", "200", _arguments(uidb36="1", key="none")),
    *_both("account_reset_password_from_key_done", "200", "405"),
    *_both("account_request_login_code", VISITORS_ONLY, VISITORS_ONLY),
    *_both("account_confirm_login_code", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("usersessions_list", PEOPLE_ONLY, PEOPLE_ARE_LED_ON),
    # Nobody in the world has a second factor yet.
    *_both("mfa_index", PEOPLE_ONLY, NO_POST),
    *_both("mfa_authenticate", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_login_webauthn", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_reauthenticate", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_activate_totp", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_deactivate_totp", NOT_SET_UP, NOT_SET_UP),
    *_both("mfa_view_recovery_codes", NOT_SET_UP, NO_POST),
    *_both("mfa_generate_recovery_codes", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_download_recovery_codes", NOT_SET_UP, NOT_SET_UP),
    *_both("mfa_list_webauthn", PEOPLE_ONLY, NO_POST),
    *_both("mfa_add_webauthn", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_reauthenticate_webauthn", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON),
    *_both("mfa_remove_webauthn", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON, _arguments(pk=1)),
    *_both("mfa_edit_webauthn", PEOPLE_ARE_LED_ON, PEOPLE_ARE_LED_ON, _arguments(pk=1)),
    # No provider is configured, so none of them exists.
    *_both("socialaccount_login_cancelled", "200", "405"),
    *_both("socialaccount_login_error", "401", "405"),
    *_both("socialaccount_signup", "login", "login"),
    *_both("socialaccount_connections", PEOPLE_ONLY, PEOPLE_ONLY),
    *_both("orcid_login", "404", "404"),
    *_both("orcid_callback", "404", "404"),
    *_both("openid_connect_login", "404", "404", _arguments(provider_id="none")),
    *_both("openid_connect_callback", "404", "404", _arguments(provider_id="none")),
]
