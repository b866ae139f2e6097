"""The page of one's API tokens."""

from django.urls import path

from tenancy import token_views

urlpatterns = [
    path("", token_views.tokens, name="api_tokens"),
    path("<int:pk>/revoke/", token_views.revoke, name="api_token_revoke"),
]
