"""The people and hospitals of the demo. Everybody is invented."""

import secrets
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils.translation import gettext as _

from accounts import institutions
from accounts.models import Hospital, HospitalMembership, User


@dataclass(frozen=True)
class Role:
    email: str
    name: str
    what: str
    flags: tuple[str, ...] = ()
    hospital: int | None = None


ROLES = [
    Role("manager@demo.example", "Maria Dane", "data manager", ("is_data_manager",)),
    Role("curator@demo.example", "Karol Lupa", "curator", ("is_curator",)),
    Role("hospital@demo.example", "Hanna Rentgen", "hospital user (hospital 1)", hospital=1),
    Role("hospital2@demo.example", "Henryk Klisza", "hospital user (hospital 2)", hospital=2),
    Role("hospital3@demo.example", "Halina Cień", "hospital user (hospital 3)", hospital=3),
    Role("researcher@demo.example", "Robin Reader", "researcher with a grant"),
    Role("new@demo.example", "Noor Neuling", "researcher whose request waits"),
]

HOSPITALS = [
    (1, "Szpital Wzorcowy w Gdańsku", "Model Hospital in Gdańsk", "Gdańsk"),
    (2, "Szpital Przykładowy w Łodzi", "Example Hospital in Łódź", "Łódź"),
    (3, "Szpital Pokazowy w Krakowie", "Showcase Hospital in Kraków", "Kraków"),
]


def password() -> str:
    """One password for all demo people, made at random for each installation and kept beside its data."""
    path = settings.CXR_VAR / "demo-password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"lungs-{secrets.token_hex(4)}")
    return path.read_text()


def ensure_people() -> dict[str, User]:
    """The demo people by e-mail address, made where they are missing."""
    hospitals = {
        number: Hospital.objects.get_or_create(
            number=number, defaults={"name": name, "name_eng": english, "city": city}
        )[0]
        for number, name, english, city in HOSPITALS
    }
    people = {}
    for role in ROLES:
        user = User.objects.filter(email=role.email).first()
        if user is None:
            user = User.objects.create_user(
                role.email,
                password(),
                name=role.name,
                institution="Demo Institute",
                affiliation=institutions.named("Demo Institute"),
                country="PL",
                purpose="Looking at the demo.",
                **dict.fromkeys(role.flags, True),
            )
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        if role.hospital is not None:
            HospitalMembership.objects.get_or_create(user=user, hospital=hospitals[role.hospital])
        people[role.email] = user
    return people


def log_ins() -> list[str]:
    width = max(len(role.email) for role in ROLES)
    return [
        _("Log in as one of these, with the password {password}").format(password=password()),
        *(f"  {role.email:<{width}}  {role.what}" for role in ROLES),
    ]
