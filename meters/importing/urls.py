"""Addresses of the importer."""

from django.urls import path

from meters.importing import views

urlpatterns = [
    path("imports/", views.imports, name="imports"),
    path("imports/template.xlsx", views.import_template, name="import_template"),
    path("imports/<int:pk>/", views.import_page, name="import"),
    path("imports/<int:pk>/live/", views.import_live, name="import_live"),
    path("imports/<int:pk>/write/", views.import_write, name="import_write"),
    path("imports/<int:pk>/errors.csv", views.import_errors, name="import_errors"),
]
