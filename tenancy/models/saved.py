"""Filters that people keep."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenancy.models.people import User


class SavedFilter(models.Model):
    """A list's filters as somebody named them 常用筛选; own ones only are seen."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_filters")
    page = models.CharField(max_length=40)  # the list's URL name
    name = models.CharField(_("name"), max_length=40)
    query = models.CharField(max_length=1000, blank=True)  # as it stands in the URL, sorted

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "page", "name"], name="tenancy_savedfilter_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name
