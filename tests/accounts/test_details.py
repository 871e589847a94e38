"""Registration and the own details: ORCID iD, position, institution, and what a change leaves as it was signed."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts import flags, orcid, services
from accounts.models import Institution, User
from audit.models import Event
from tests.people import People
from tests.world import World

FORM = {
    "name": "Nina New",
    "institution": "example  UNIVERSITY",
    "position": " Resident ",
    "orcid": "https://orcid.org/0000-0002-1825-0097",
    "country": "PL",
    "purpose": "To learn about lungs.",
    "email": "nina@example.org",
    "password1": "battery staple 9",
    "password2": "battery staple 9",
}


@pytest.mark.parametrize(
    "typed",
    [
        "0000-0002-1825-0097",
        "0000000218250097",
        "https://orcid.org/0000-0002-1825-0097",
        "orcid.org/0000-0002-1825-0097/",
    ],
)
def test_an_orcid_is_taken_in_every_form(typed: str) -> None:
    assert orcid.normalized(f" {typed} ") == "0000-0002-1825-0097"
    assert orcid.normalized("0000-0002-1694-233x") == "0000-0002-1694-233X"
    assert orcid.normalized("") == ""


@pytest.mark.parametrize(
    "typed", ["0000-0002-1825-0098", "0000-0002-1852-0097", "0000-0002-1825-009", "1234", "x" * 19]
)
def test_a_mistyped_orcid_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        orcid.normalized(typed)


def test_every_single_digit_that_is_mistyped_is_found() -> None:
    right = "0000000218250097"
    for place in range(16):
        for digit in "0123456789":
            if digit != right[place]:
                with pytest.raises(ValidationError):
                    orcid.normalized(right[:place] + digit + right[place + 1 :])


@pytest.mark.django_db
def test_registration_takes_position_orcid_and_a_known_institution(client: Client) -> None:
    known = Institution.objects.create(name="Example University", key="example university")
    wrong = client.post(reverse("account_signup"), {**FORM, "orcid": "0000-0002-1825-0098"})
    assert "orcid" in wrong.context["form"].errors
    client.post(reverse("account_signup"), FORM)
    user = User.objects.get()
    assert (user.position, user.orcid, user.institution) == ("Resident", "0000-0002-1825-0097", "example UNIVERSITY")
    assert user.affiliation == known
    client.post(reverse("account_signup"), {**FORM, "email": "n@example.org", "orcid": "", "position": ""})
    assert Institution.objects.count() == 1


def test_a_new_name_leaves_what_was_signed(world: World) -> None:
    user = world.granted
    signature = user.signatures.get()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("accounts:details")
    page = client.get(url).content.decode()
    assert f'value="{user.name}"' in page
    assert "keeps the name" in page
    values = {"name": "Rita  Married", "institution": "Elsewhere", "position": "Professor", "country": "DE"}
    assert "purpose" in client.post(url, values).context["form"].errors
    client.post(url, {**values, "purpose": "Other lungs.", "orcid": "0000000218250097"})
    user.refresh_from_db()
    assert (user.name, user.institution, user.position) == ("Rita Married", "Elsewhere", "Professor")
    assert (user.country, user.purpose, user.orcid) == ("DE", "Other lungs.", "0000-0002-1825-0097")
    assert user.affiliation is not None
    assert user.affiliation.name == "Elsewhere"
    signature.refresh_from_db()
    assert (signature.typed_name, signature.institution) == ("Rita Researcher", "Example University")
    event = Event.objects.get(action="person.changed")
    assert event.data["signatures"] == 1
    assert event.data["fields"] == ["country", "institution", "name", "orcid", "position", "purpose"]
    assert "Married" not in str(event.data)
    # Saving the same again changes nothing and leaves no event.
    client.post(url, {**values, "purpose": "Other lungs.", "orcid": "0000-0002-1825-0097"})
    assert Event.objects.filter(action="person.changed").count() == 1


def test_people_who_were_invited_need_no_purpose(people: People) -> None:
    user = people.person(purpose="", country="")
    services.update_profile(user=user, name=user.name, institution="", position="", orcid_id="", country="", purpose="")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(reverse("accounts:details"), {"name": "Hanna", "institution": "Szpital"})
    assert answer["Location"] == reverse("accounts:profile")


@pytest.mark.parametrize(
    ("email", "codes"),
    [
        ("somebody@mailinator.com", ["disposable"]),
        ("somebody@eu.mailinator.com", ["disposable"]),
        ("somebody@GMAIL.com", ["free"]),
        ("somebody@wp.pl", ["free"]),
        ("somebody@gumed.edu.pl", []),
        ("somebody@notgmail.com.example", []),
        ("nonsense", []),
    ],
)
def test_reviewers_are_told_of_an_address(email: str, codes: list[str]) -> None:
    assert [flag.code for flag in flags.address_flags(email)] == codes


def test_the_flags_stand_on_the_pages_about_people(world: World) -> None:
    User.objects.filter(pk=world.researcher.pk).update(email="rita@mailinator.com")
    client = Client()
    client.force_login(world.manager, backend="django.contrib.auth.backends.ModelBackend")
    for url in (reverse("accounts:manage_people"), reverse("accounts:manage_person", args=[world.researcher.pk])):
        assert "disposable address" in client.get(url).content.decode()
    assert "disposable" not in client.get(reverse("accounts:manage_person", args=[world.granted.pk])).content.decode()
