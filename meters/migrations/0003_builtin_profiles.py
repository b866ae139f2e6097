"""The profiles that ship, as rows that an administrator can edit."""

from django.db import migrations

from meters.builtin_profiles import BUILTIN_PROFILES


def add_builtin_profiles(apps, schema_editor):
    Profile = apps.get_model("meters", "Profile")
    for builtin in BUILTIN_PROFILES:
        Profile.objects.get_or_create(
            name=builtin.name, defaults={"title": builtin.title, "spec": builtin.spec}
        )


class Migration(migrations.Migration):
    dependencies = [("meters", "0002_time_partitions")]

    operations = [migrations.RunPython(add_builtin_profiles, migrations.RunPython.noop)]
