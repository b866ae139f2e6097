"""Forms of signing in, of the own account, and of managing people."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenancy import people, second_factor
from tenancy.models import Division, OperatorCompany, Role, User


class SignInForm(AuthenticationForm):
    """User name and password; one message for all that can be wrong with them."""

    error_messages = {
        "invalid_login": gettext_lazy("User name and password do not go together."),
        "inactive": gettext_lazy("User name and password do not go together."),
    }


_CODE = forms.TextInput(
    attrs={"autocomplete": "one-time-code", "inputmode": "text", "autocapitalize": "none"}
)


class CodeForm(forms.Form):
    """The code of the second step."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "autofocus": True,
            }
        ),
        help_text=gettext_lazy(
            "Six digits from the app on your phone, or one of your recovery codes."
        ),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.outcome: second_factor.Outcome | None = None

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        self.outcome = second_factor.verify(self.user, code)
        if not self.outcome.is_right:
            raise ValidationError(code_error(self.outcome))
        return code


def code_error(outcome: second_factor.Outcome) -> str:
    """Return what to say to a wrong code."""
    if outcome.wait_s:
        return _(
            "This code does not fit, or was used before. Wait %(seconds)d seconds, then enter "
            "the newest one."
        ) % {"seconds": outcome.wait_s}
    return _("This code does not fit, or was used before. Enter the newest one.")


class ProofForm(forms.Form):
    """The password again, and the code where a second factor is set up."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = forms.CharField(label=gettext_lazy("Code"), max_length=20, widget=_CODE)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if not second_factor.has_device(user):
            del self.fields["code"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors:
            if not self.user.check_password(self.cleaned_data["password"]):
                self.add_error("password", _("This is not your password."))
            elif "code" in self.fields:
                outcome = second_factor.verify(self.user, self.cleaned_data["code"])
                if not outcome.is_right:
                    self.add_error("code", code_error(outcome))
        return cleaned


class PasswordForm(forms.Form):
    """A new password of one's own. The rules stand beside the field."""

    old_password = forms.CharField(
        label=gettext_lazy("Present password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new_password = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )
    repeated = forms.CharField(
        label=gettext_lazy("New password once more"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your present password."))
        return password

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        new, repeated = self.cleaned_data.get("new_password"), self.cleaned_data.get("repeated")
        if new and repeated and new != repeated:
            self.add_error("repeated", _("The two new passwords differ."))
        elif new and not self.errors:
            try:
                password_validation.validate_password(new, self.user)
            except ValidationError as error:
                self.add_error("new_password", error)
        return cleaned


class EnrolForm(forms.Form):
    """The first code from the phone: it proves that the phone has the secret."""

    code = forms.CharField(
        label=gettext_lazy("Code that the app shows"),
        max_length=10,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def first_instant(day: date, *, now: datetime) -> datetime:
    """Return when a day that is named as the first begins: now, where it is today."""
    start = timezone.make_aware(datetime.combine(day, time.min))
    return now if start <= now and day == timezone.localdate(now) else start


def last_instant(day: date | None) -> datetime | None:
    """Return the end of a day that is named as the last; None where it is open."""
    if day is None:
        return None
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


class SpanForm(forms.Form):
    """First and last day, in Shanghai's calendar."""

    first_day = forms.DateField(label=gettext_lazy("From"), widget=DateInput())
    last_day = forms.DateField(
        label=gettext_lazy("Until and with"),
        required=False,
        widget=DateInput(),
        help_text=gettext_lazy("Empty: until it is ended."),
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, last = self.cleaned_data.get("first_day"), self.cleaned_data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The last day lies before the first."))
        return cleaned

    def span(self, *, now: datetime) -> dict[str, datetime | None]:
        """Return ``starts_at`` and ``ends_at`` for an operation."""
        return {
            "starts_at": first_instant(self.cleaned_data["first_day"], now=now),
            "ends_at": last_instant(self.cleaned_data["last_day"]),
        }


class EnterpriseField(forms.CharField):
    """An enterprise by number, credit code or name, within what the actor sees."""

    actor: User

    def clean(self, value: Any) -> Any:
        words = super().clean(value)
        if not words:
            return None
        found = people.find_enterprises(self.actor, words)
        if len(found) == 1:
            return found[0]
        if not found:
            raise ValidationError(_("No enterprise of yours has this number, credit code or name."))
        raise ValidationError(
            _("Several enterprises fit: %(names)s. Write the number.")
            % {"names": _(", ").join(f"{one.name} ({one.code})" for one in found)}
        )


class _DivisionField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{'　' * (obj.path.count('/') - 1)}{obj.name}"


class GrantForm(SpanForm):
    """A role and what it is for. Which of the three scopes counts follows from the role."""

    role = forms.ChoiceField(label=gettext_lazy("Role"))
    division = _DivisionField(
        label=gettext_lazy("Division"), queryset=Division.objects.none(), required=False
    )
    enterprise = EnterpriseField(
        label=gettext_lazy("Enterprise"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Number, unified social credit code or name."),
    )
    company = forms.ModelChoiceField(
        label=gettext_lazy("Operator company"),
        queryset=OperatorCompany.objects.none(),
        required=False,
    )
    field_order = ["role", "division", "enterprise", "company", "first_day", "last_day"]

    def __init__(self, actor: User, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        manager = people.get_manager(actor)
        roles = manager.roles()
        self.fields["role"].choices = [("", _("Choose"))] + [  # type: ignore[attr-defined]
            (role.value, role.label) for role in roles
        ]
        self.fields["division"].queryset = people.divisions_for(manager)  # type: ignore[attr-defined]
        self.fields["company"].queryset = people.companies_for(manager)  # type: ignore[attr-defined]
        self.fields["enterprise"].actor = actor  # type: ignore[attr-defined]
        self.fields["first_day"].initial = timezone.localdate(now)
        needed = {
            "division": set(roles) & set(people.ROLE_DIVISIONS),
            "enterprise": set(roles) & people.ENTERPRISE_ROLES,
            "company": set(roles) & {Role.OPERATOR},
        }
        for name, its_roles in needed.items():
            if not its_roles:
                del self.fields[name]
            else:  # static/js/people.js shows the one that the chosen role is for
                words = " ".join(sorted(str(role) for role in its_roles))
                self.fields[name].widget.attrs["data-for-roles"] = words

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        role = self.cleaned_data.get("role")
        if not role:
            return cleaned
        name = scope_of(role)
        for other in ("division", "enterprise", "company"):
            if other != name:  # left from another choice of the role
                self.cleaned_data.pop(other, None)
                self.errors.pop(other, None)
        if name not in self.errors and self.cleaned_data.get(name) is None:
            self.add_error(name, _("This role needs to know what it is for."))
        return cleaned

    def grant(self, *, now: datetime) -> dict[str, Any]:
        """Return the arguments of ``give_grant``."""
        name = scope_of(self.cleaned_data["role"])
        return {
            "role": self.cleaned_data["role"],
            name: self.cleaned_data[name],
            **self.span(now=now),
        }


def scope_of(role: str) -> str:
    """Return the name of the scope that a role is given for."""
    if role == Role.OPERATOR:
        return "company"
    return "enterprise" if role in people.ENTERPRISE_ROLES else "division"


class PersonForm(GrantForm):
    """A new account with its first grant."""

    full_name = forms.CharField(label=gettext_lazy("Full name"), max_length=60)
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=60,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"}),
        help_text=gettext_lazy("Letters, digits and . _ - only. It cannot be changed later."),
    )
    phone = forms.CharField(
        label=gettext_lazy("Mobile number"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    field_order = ["full_name", "username", "phone", "email", *GrantForm.field_order]

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError(_("This user name is taken. Choose another."))
        return username

    def person(self) -> dict[str, Any]:
        """Return the arguments of ``make_person`` that are about the person."""
        return {
            name: self.cleaned_data[name] for name in ("full_name", "username", "phone", "email")
        }


class CompanyForm(forms.Form):
    """A new operator company."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    credit_code = forms.CharField(
        label=gettext_lazy("Unified social credit code"), max_length=18, required=False
    )
    phone = forms.CharField(label=gettext_lazy("Telephone"), max_length=20, required=False)
    division = forms.ModelChoiceField(
        label=gettext_lazy("Registered with"),
        queryset=Division.objects.none(),
        help_text=gettext_lazy("The city whose administrators look after this entry."),
    )

    def __init__(self, actor: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        divisions = people.company_divisions_for(people.get_manager(actor))
        self.fields["division"].queryset = divisions  # type: ignore[attr-defined]
        if len(divisions) == 1:
            self.fields["division"].initial = divisions[0]


class AssignmentForm(SpanForm):
    """An enterprise whose sites the company looks after from now on."""

    enterprise = EnterpriseField(
        label=gettext_lazy("Enterprise"),
        max_length=120,
        help_text=gettext_lazy("Number, unified social credit code or name. All its sites."),
    )
    field_order = ["enterprise", "first_day", "last_day"]

    def __init__(self, actor: User, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["enterprise"].actor = actor  # type: ignore[attr-defined]
        self.fields["first_day"].initial = timezone.localdate(now)
