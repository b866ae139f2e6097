"""The own account, and people and grants."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.generic import RedirectView

from tenancy import account_views, people_views
from tenancy.views import SignInView, second_step

urlpatterns = [
    path("accounts/login/", SignInView.as_view(), name="login"),
    path("accounts/login/code/", second_step, name="second_step"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    # The administration has a sign-in of its own, which knows no second factor.
    path(
        "admin/login/",
        login_not_required(RedirectView.as_view(pattern_name="login", query_string=True)),
    ),
    path(
        "admin/password_change/",
        RedirectView.as_view(pattern_name="account_password"),
    ),
    path("account/", account_views.account, name="account"),
    path("account/password/", account_views.password, name="account_password"),
    path("account/second-factor/", account_views.second_factor_page, name="account_second_factor"),
    path(
        "account/second-factor/codes/",
        account_views.recovery_codes,
        name="account_recovery_codes",
    ),
    path(
        "account/second-factor/remove/",
        account_views.second_factor_remove,
        name="account_second_factor_remove",
    ),
    path("account/sessions/", account_views.session_list, name="account_sessions"),
    path("account/sessions/end/", account_views.session_end, name="account_session_end"),
    path("account/proof/", account_views.proof, name="account_proof"),
    path("people/", people_views.people_list, name="people"),
    path("people/new/", people_views.person_new, name="person_new"),
    path("people/<int:pk>/", people_views.person_page, name="person"),
    path("people/<int:pk>/act/", people_views.person_act, name="person_act"),
    path("people/<int:pk>/grants/new/", people_views.grant_give, name="grant_give"),
    path("grants/<int:pk>/end/", people_views.grant_end, name="grant_end"),
    path("companies/", people_views.company_list, name="companies"),
    path("companies/new/", people_views.company_new, name="company_new"),
    path("companies/<int:pk>/", people_views.company_page, name="company"),
    path("companies/<int:pk>/assign/", people_views.assignment_new, name="assignment_new"),
    path("assignments/<int:pk>/end/", people_views.assignment_end, name="assignment_end"),
]
