"""``manage.py create_administrators``: the first three administrators, and the way back in.

Works on the server alone, without the web, so it is also what helps when nobody can sign in any
more (docs/operators/accounts.md). Passwords are printed once and have to be changed at sign-in.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy import second_factor, sessions, signin
from tenancy.audit import record
from tenancy.models import Division, Grant, Role, User
from tenancy.passwords import starting_password

OPTIONS = {
    Role.SYSTEM_ADMIN: "system",
    Role.SECURITY_ADMIN: "security",
    Role.AUDITOR: "auditor",
}


class Command(BaseCommand):
    help = (
        "Make the system, security and audit administrators of a division, or give them new "
        "starting passwords. Without options it asks."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--division", metavar="CODE", help="GB/T 2260 code, e.g. 141000")
        for option in OPTIONS.values():
            parser.add_argument(
                f"--{option}", metavar="USERNAME[:NAME]", help=f"{option} administrator"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        asks = not any(options[option] for option in OPTIONS.values())
        code = options["division"] or (asks and input(_("Code of the division: ")).strip()) or ""
        division = Division.objects.filter(code=code).first()
        if division is None:
            known = Division.objects.filter(kind__in=("PROVINCE", "CITY")).order_by("path")
            names = ", ".join(f"{one.code} {one.name}" for one in known)
            raise CommandError(
                _("No division has the code “%(code)s”. Known: %(names)s")
                % {"code": code, "names": names or "-"}
            )
        wanted = {}
        for role, option in OPTIONS.items():
            said = options[option]
            if asks:
                question = _("User name of the %(role)s (empty: leave as it is): ")
                said = input(question % {"role": role.label}).strip()
            if said:
                wanted[role] = said
        if not wanted:
            raise CommandError(_("Nobody was named; nothing changed."))
        usernames = [said.partition(":")[0].lower() for said in wanted.values()]
        if len(set(usernames)) < len(usernames):
            raise CommandError(_("System, security and audit are three different people."))
        self._make(division, wanted)

    def _make(self, division: Division, wanted: dict[Role, str]) -> None:
        lines = []
        try:
            with transaction.atomic():
                for role, said in wanted.items():
                    username, _colon, name = said.partition(":")
                    password = self._administrator(division, role, username.strip(), name.strip())
                    lines.append(f"{role.label}  {username.strip()}  {password}")
        except IntegrityError as error:
            raise CommandError(
                _("One of them is another of the three administrators already. Nothing changed.")
            ) from error
        self.stdout.write(_("Starting passwords, shown this once; to be changed at first sign-in:"))
        for line in lines:
            self.stdout.write(line)

    def _administrator(self, division: Division, role: Role, username: str, name: str) -> str:
        now = timezone.now()
        user = User.objects.filter(username=username).first() or User(username=username)
        user.full_name = name or user.full_name or username
        user.is_active, user.is_superuser, user.is_staff = True, False, False
        user.must_change_password = True
        password = starting_password()
        user.set_password(password)
        user.save()
        sessions.end_all(user, reason="password", now=now)
        second_factor.remove(user)
        signin.unlock(username)
        held = Grant.objects.in_force(now).filter(user=user, role=role, division=division)
        if not held.exists():
            Grant.objects.create(user=user, role=role, division=division, starts_at=now)
        record(
            "account.break_glass",
            object_type="tenancy_user",
            object_id=user.pk,
            object_label=str(user),
            note=f"{role} {division.code}, manage.py create_administrators",
        )
        return password
