from tests.permissions.rows import Row
from tests.world import INVITATION_SECRET

# The manager's pages and API are the manager's alone.
MANAGER = "login 403 403 403 403 403 403"

ROWS = [
    #                                anon  rese gran expi hosp othe cura mana
    Row("accounts:profile", "login 200 200 200 200 200 200 200"),
    Row("accounts:profile", "login 405 405 405 405 405 405 405", method="POST"),
    Row("accounts:tokens", "login 200 200 200 200 200 200 200"),
    Row(
        "accounts:tokens",
        "login 200 200 200 200 200 200 200",
        method="POST",
        data=lambda world: {"name": "laptop", "scopes": ["read"], "days": 7},
    ),
    # The token is of `granted`; for everybody else it does not exist.
    Row(
        "accounts:token_revoke",
        "login 404 302 404 404 404 404 404",
        method="POST",
        args=lambda world: {"pk": world.token.pk},
    ),
    Row(
        "accounts:token_revoke",
        "login 405 405 405 405 405 405 405",
        args=lambda world: {"pk": world.token.pk},
    ),
    # Everybody reads the agreement; it is signed by whoever goes by the name that was typed.
    Row("accounts:agreement", "200", args=lambda world: {"pk": world.agreement.pk}),
    Row("accounts:agreement", "404", args=lambda world: {"pk": world.agreement.pk + 1}),
    Row(
        "accounts:agreement",
        "login 302 302 302 200 200 200 200 200",
        method="POST",
        args=lambda world: {"pk": world.agreement.pk},
        data=lambda world: {"typed_name": "Rita Researcher", "institution": "University", "agree": "on"},
    ),
    # The link is the key; people who are logged in with another address are told so. A new person goes on to log in.
    Row("accounts:invitation", "200", args=lambda world: {"token": INVITATION_SECRET}),
    Row("accounts:invitation", "404", args=lambda world: {"token": "another"}),
    Row("accounts:invitation", "404", method="POST", args=lambda world: {"token": "another"}),
    Row(
        "accounts:invitation",
        "login 302 302 302 302 302 302 302",
        method="POST",
        args=lambda world: {"token": INVITATION_SECRET},
        data=lambda world: {"name": "Ina Invited", "password1": "battery staple 9", "password2": "battery staple 9"},
    ),
    Row("accounts:manage_people", f"{MANAGER} 200"),
    Row(
        "accounts:manage_people",
        f"{MANAGER} 302",
        method="POST",
        data=lambda world: {"email": "new@example.org", "hospitals": [world.hospital.pk], "days": 7},
    ),
    Row("accounts:hospital_new", f"{MANAGER} 200"),
    Row(
        "accounts:hospital_new",
        f"{MANAGER} 302",
        method="POST",
        data=lambda world: {"number": 77, "name": "Szpital", "name_eng": "Hospital", "city": "Gdynia"},
    ),
    Row("api:me", "401 200 200 200 200 200 200 200"),
    Row(
        "api:agreement_signature",
        "401 201 201 201 400 400 400 400 400",
        method="POST",
        args=lambda world: {"pk": world.agreement.pk},
        data=lambda world: {"typed_name": "Rita Researcher", "institution": "University", "agree": True},
    ),
    Row(
        "api:invitations",
        "401 403 403 403 403 403 403 201",
        method="POST",
        data=lambda world: {"email": "new@example.org", "hospitals": [world.hospital.number]},
    ),
]
