from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from accounts import institutions
from accounts.models import User
from audit.services import record


class Command(BaseCommand):
    help = "Adds a person, e.g. the first data manager, or gives an existing one more roles."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--institution", default="")
        parser.add_argument("--data-manager", action="store_true")
        parser.add_argument("--curator", action="store_true")
        parser.add_argument("--back-office", action="store_true", help="may look into every table at /backoffice/")
        parser.add_argument("--password", help="asked for when it is not given")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].lower()
        user = User.objects.filter(email__iexact=email).first() or self._new(email, options)
        roles = {
            "is_data_manager": options["data_manager"],
            "is_curator": options["curator"],
            "is_staff": options["back_office"],
            "is_superuser": options["back_office"],
        }
        given = [role for role, wanted in roles.items() if wanted and not getattr(user, role)]
        for role in given:
            setattr(user, role, True)
        user.save()
        record("person.roles_given", about=user, roles=given)
        self.stdout.write(f"{email}: person {user.pk}, new roles: {', '.join(given) or 'none'}.")

    def _new(self, email: str, options: dict[str, Any]) -> User:
        if not options["name"]:
            raise CommandError("This person is new: give --name.")
        password = options["password"] or getpass(f"Password for {email}: ")
        try:
            validate_email(email)
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user = User.objects.create_user(
            email,
            password,
            name=options["name"],
            institution=options["institution"],
            affiliation=institutions.named(options["institution"]),
        )
        # Whoever runs commands on the server vouches for the address.
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
        record("person.added", about=user)
        return user
