"""Addresses of the enterprise file's own matters."""

from django.urls import path

from enterprises.views import attachments

urlpatterns = [
    path("enterprises/<int:pk>/attachments/", attachments.attach, name="attach"),
    path("files/<uuid:key>/", attachments.attachment, name="attachment"),
    path("files/<uuid:key>/withdraw/", attachments.withdraw, name="attachment_withdraw"),
]
