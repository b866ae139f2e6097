"""``manage.py translations``: write, check or compile the Chinese catalogue."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common import catalogue


class Command(BaseCommand):
    help = "Write, check or compile the Chinese catalogue; needs no gettext programs."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument(
            "--update", action="store_true", help="extract, and merge locale/parts/*.po"
        )
        act.add_argument("--check", action="store_true", help="fail for each incomplete message")
        act.add_argument("--compile", action="store_true", help="write the .mo file")
        parser.add_argument(
            "--drop-obsolete",
            action="store_true",
            help="with --update: forget translations whose source is gone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        root = settings.BASE_DIR
        if options["update"]:
            for remark in catalogue.update(root, drop_obsolete=options["drop_obsolete"]):
                self.stderr.write(remark)
        elif options["compile"]:
            try:
                catalogue.compile_catalogue(root)
            except FileNotFoundError as error:
                raise CommandError(str(error)) from error
        elif problems := catalogue.check(root):
            for problem in problems:
                self.stderr.write(str(problem))
            raise CommandError(f"the Chinese catalogue has {len(problems)} problems")
