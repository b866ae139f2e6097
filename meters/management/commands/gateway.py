"""``manage.py gateway``: the HJ 212 server."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from meters.gateway import Limits, serve


class Command(BaseCommand):
    help = "Listen for HJ 212 collectors, store their readings, then acknowledge them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=9212, help="0 takes a free one")
        parser.add_argument(
            "--reuse-port", action="store_true", help="share the port with other gateway processes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        limits = Limits(
            commit_s=settings.GATEWAY_COMMIT_MS / 1000,
            idle_s=settings.GATEWAY_IDLE_S,
            partial_frame_s=settings.GATEWAY_PARTIAL_FRAME_S,
            max_connections=settings.GATEWAY_MAX_CONNECTIONS,
            kept_for=timedelta(days=settings.READINGS_KEPT_DAYS),
        )
        host, port = options["host"], options["port"]
        try:
            serve(host, port, limits, reuse_port=options["reuse_port"])
        except OSError as error:
            raise CommandError(f"cannot listen on {host}:{port}: {error.strerror}") from error
