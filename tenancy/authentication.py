"""Who asks by the API: the bearer of a token, or the session of the portal."""

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenancy import walls
from tenancy.access import keep_authority
from tenancy.eyes import get_body
from tenancy.middleware import describe
from tenancy.models import ApiToken, User
from tenancy.tokens import find_token


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer pw_...``; ``request.auth`` is then the ``ApiToken``."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the token's owner, who has entered the walls; None without such a header."""
        kind, _space, text = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        token = find_token(text.strip(), now=timezone.now())
        if token is None:
            raise AuthenticationFailed(_("The token is not valid, was revoked or has ended."))
        own = request._request
        own.user = token.user
        if hasattr(own, "_eyes"):
            del own._eyes
        audit = own.audit = describe(own) | {"session": token.prefix}  # type: ignore[attr-defined]
        walls.enter(token.user, audit=audit)
        keep_authority(token.user)
        audit["body"] = get_body(own)
        walls.set_audit(audit)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="powerwatch"'


class BearerScheme(OpenApiAuthenticationExtension):
    """How the schema names it."""

    target_class = "tenancy.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "pw_<prefix>_<secret>",
            "description": str(_("A token made on the page My tokens.")),
        }
