from django.db import migrations

from enterprises.pinyin import to_pinyin


def fill(apps, schema_editor):
    enterprises = apps.get_model("enterprises", "Enterprise")
    for enterprise in enterprises.objects.filter(name_pinyin="").iterator():
        enterprise.name_pinyin, enterprise.name_initials = to_pinyin(enterprise.name)
        enterprise.save(update_fields=["name_pinyin", "name_initials"])


class Migration(migrations.Migration):
    dependencies = [("enterprises", "0003_programme_companies")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
