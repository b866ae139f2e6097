from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _after_migrate(**kwargs: object) -> None:
    from powerwatch.audited_tables import install_audit_triggers
    from powerwatch.database_roles import grant_roles
    from powerwatch.key_map import make_maps
    from powerwatch.walls import raise_walls

    make_maps()
    install_audit_triggers()
    grant_roles()
    raise_walls()


class PowerWatchConfig(AppConfig):
    name = "powerwatch"

    def ready(self) -> None:
        # Here and not in the package: the launcher imports the package and needs no Celery.
        from powerwatch import (
            celery,  # noqa: F401  makes it the app of every shared task
            checks,  # noqa: F401  registers them
        )

        # Last in INSTALLED_APPS: every table stands when the rights are given.
        post_migrate.connect(_after_migrate, sender=self)
