"""People for tests. Every call makes a new, complete person: e-mail confirmed, password `PASSWORD`."""

from itertools import count

from accounts.models import Hospital, HospitalMembership, User

PASSWORD = "correct horse battery"
_numbers = count(1)


class People:
    def person(self, name: str = "Jo Research", **fields: object) -> User:
        from allauth.account.models import EmailAddress

        email = f"person{next(_numbers)}@example.org"
        user = User.objects.create_user(
            email,
            PASSWORD,
            **{"name": name, "institution": "Example University", "country": "PL", "purpose": "Research", **fields},
        )
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
        return user

    def researcher(self) -> User:
        return self.person("Rita Researcher")

    def curator(self) -> User:
        return self.person("Carl Curator", is_curator=True)

    def manager(self) -> User:
        return self.person("Mona Manager", is_data_manager=True)

    def hospital(self, **fields: object) -> Hospital:
        number = (Hospital.objects.order_by("-number").values_list("number", flat=True).first() or 0) + 1
        values = {"number": number, "name": f"Szpital {number}", "name_eng": f"Hospital {number}", "city": "Gdańsk"}
        return Hospital.objects.create(**{**values, **fields})

    def hospital_user(self, hospital: Hospital | None = None) -> User:
        user = self.person("Hanna Hospital")
        HospitalMembership.objects.create(user=user, hospital=hospital or self.hospital())
        return user
