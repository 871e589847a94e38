"""Institutions: one row per name however it is typed, merging, ROR ids, what a stranger is told."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts import institutions, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import Institution, User
from audit.models import Event
from tests.people import People

ROR = "https://ror.org/0161xgx34"


def _row(name: str) -> Institution:
    row = institutions.named(name)
    assert row is not None
    return row


def _works_at(people: People, *names: str) -> list[User]:
    return [people.person(institution=name, affiliation=_row(name)) for name in names]


@pytest.mark.django_db
def test_one_name_is_one_row_however_it_is_typed() -> None:
    row = _row("Politechnika  Łódzka ")
    assert row.name == "Politechnika Łódzka"
    for typed in ("politechnika łódzka", "POLITECHNIKA ŁÓDZKA", " Politechnika\tŁódzka", "Politechnika Ło\u0301dzka"):
        assert _row(typed) == row
    assert _row("Politechnika Lodzka") != row
    assert institutions.named("  ") is None
    assert institutions.find("nobody typed this") is None


def test_merging_moves_people_and_the_name_leads_on(people: People) -> None:
    manager = people.manager()
    first, second, third = (_row(name) for name in ("Uni of Gdańsk", "University of Gdańsk", "Uniwersytet Gdański"))
    persons = _works_at(people, first.name, first.name, second.name)
    assert services.merge_institutions(manager=manager, institution=first, into=second) == 2
    assert set(second.people.all()) == set(persons)
    assert persons[0].institution == "Uni of Gdańsk", "people keep their own words"
    assert _row("uni of gdańsk") == second
    # Merged on: whoever types the first name comes out at the third.
    services.merge_institutions(manager=manager, institution=second, into=third)
    assert (_row("Uni of Gdańsk"), _row("University of Gdańsk")) == (third, third)
    assert third.people.count() == 3
    first.refresh_from_db()
    assert first.merged_into == third
    for gone in (first, second):
        with pytest.raises(AlreadyDoneError):
            services.merge_institutions(manager=manager, institution=gone, into=third)
        with pytest.raises(AlreadyDoneError):
            services.merge_institutions(manager=manager, institution=third, into=gone)
    with pytest.raises(AccountsError):
        services.merge_institutions(manager=manager, institution=third, into=third)
    event = Event.objects.filter(action="institution.merged").order_by("number").first()
    assert event is not None
    assert event.data == {"into": second.pk, "people": 2}


def test_a_ror_id_is_of_one_institution_and_survives_a_merge(people: People) -> None:
    manager, gone, stays = people.manager(), _row("Old name"), _row("New name")
    services.edit_institution(manager=manager, institution=gone, name="Old name", ror_id="0161XGX34", country="PL")
    assert gone.ror_id == ROR
    with pytest.raises(AlreadyDoneError):
        services.edit_institution(manager=manager, institution=stays, name="New name", ror_id=ROR, country="")
    with pytest.raises(AlreadyDoneError):
        services.edit_institution(manager=manager, institution=stays, name="OLD  name", ror_id="", country="")
    with pytest.raises(AccountsError):
        services.edit_institution(manager=manager, institution=stays, name="New name", ror_id="x", country="")
    services.merge_institutions(manager=manager, institution=gone, into=stays)
    assert [stays.ror_id, gone.ror_id] == [ROR, None]
    services.edit_institution(manager=manager, institution=stays, name="Newest name", ror_id="", country="PL")
    assert _row("newest NAME") == stays
    assert _row("Old name") == stays


@pytest.mark.parametrize("typed", ["ror.org/0161xgx34", "https://ror.org/0161xgx34/", " 0161XGX34 ", ROR])
def test_a_ror_id_is_told_by_its_checksum(typed: str) -> None:
    assert institutions.ror(typed) == ROR
    # Ids that the registry has given.
    for known in ("https://ror.org/00pjdza24", "https://ror.org/052gg0110", "https://ror.org/03vek6s52"):
        assert institutions.ror(known) == known
    for wrong in (
        "https://ror.org/0161xgx35",
        "https://ror.org/0161xgy34",
        "0161xgx3",
        "https://evil.example/0161xgx34",
    ):
        with pytest.raises(ValidationError):
            institutions.ror(wrong)
    assert institutions.ror(" ") == ""


def test_only_managers_change_institutions(people: People) -> None:
    row, other = _row("One"), _row("Two")
    for person in (people.curator(), people.researcher()):
        with pytest.raises(NotAllowedError):
            services.merge_institutions(manager=person, institution=row, into=other)
        with pytest.raises(NotAllowedError):
            services.edit_institution(manager=person, institution=row, name="Three", ror_id="", country="")


def test_the_type_ahead_tells_nothing_of_single_people(people: People, client: Client) -> None:
    _works_at(people, "Private practice of Dr Kowalski", "Big University", "Big University", "Big University")
    registered = _row("Registered Institute")
    services.edit_institution(
        manager=people.manager(), institution=registered, name=registered.name, ror_id=ROR, country=""
    )
    services.merge_institutions(manager=people.manager(), institution=_row("Reg. Inst."), into=registered)
    page = client.get(reverse("account_signup")).content.decode()
    assert '<input type="text" name="institution"' in page
    assert 'list="institution-suggestions"' in page
    assert '<option value="Big University">' in page
    assert '<option value="Registered Institute">' in page
    assert "Kowalski" not in page
    assert "Reg. Inst." not in page
    assert institutions.suggestions("big") == ["Big University"]


def test_a_manager_names_and_merges_on_the_pages(people: People) -> None:
    _works_at(people, "Uni Łódź", "University of Łódź")
    client = Client()
    client.force_login(people.manager(), backend="django.contrib.auth.backends.ModelBackend")
    listed = client.get(reverse("accounts:manage_institutions"), {"q": "łódź"}).content.decode()
    assert "Uni Łódź" in listed
    short, full = _row("Uni Łódź"), _row("University of Łódź")
    url = reverse("accounts:manage_institution", args=[short.pk])
    assert "1 person works here" in client.get(url).content.decode()
    wrong = client.post(url, {"name": "Uni Łódź", "ror_id": "https://ror.org/0161xgx35", "country": "PL"})
    assert "This is no ROR id" in wrong.content.decode()
    taken = client.post(url, {"name": full.name, "ror_id": "", "country": "PL"})
    assert "Merge the two instead" in taken.content.decode()
    merge = reverse("accounts:institution_merge", args=[short.pk])
    assert "no institution of this name" in client.post(merge, {"into": "Unknown"}).content.decode()
    done = client.post(merge, {"into": "university of łódź"}, follow=True).content.decode()
    assert "1 person moved to University of Łódź" in done
    assert "2 people work here" in done
    assert client.get(url).status_code == 404
