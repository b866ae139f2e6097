"""Django's administration with our frame around it."""

from django.contrib.admin.apps import AdminConfig


class PowerWatchAdminConfig(AdminConfig):
    default_site = "tenancy.admin_site.Site"
