"""The one settings module. Every value that differs between places is read from the environment.

``docs/operators/settings.md`` lists the variables. Times are UTC in the database and
Asia/Shanghai on screen; both are fixed, not settings.
"""

from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from powerwatch import env

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(env.text("POWERWATCH_STATE_DIR", str(BASE_DIR / ".powerwatch")))

DEMO = env.flag("POWERWATCH_DEMO")  # the demo city: prints accounts, shows the stand-in phone
DEBUG = env.flag("POWERWATCH_DEBUG")
SECRET_KEY = env.text("POWERWATCH_SECRET_KEY")
ALLOWED_HOSTS = env.words("POWERWATCH_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
BASE_URL = env.text("POWERWATCH_BASE_URL", "http://127.0.0.1:8212").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.words("POWERWATCH_CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "tenancy.admin_app.PowerWatchAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "common",
    "tenancy",
    "enterprises",
    "meters",
    "orders",
    "alerts",
    "reports",
    "powerwatch",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.middleware.SecureHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "common.uploads.UploadBoundMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenancy.middleware.ScopeMiddleware",
    "tenancy.guard.SessionGuardMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "powerwatch.urls"
WSGI_APPLICATION = "powerwatch.wsgi.application"
ASGI_APPLICATION = "powerwatch.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "reports.context_processors.frame",
            ],
        },
    }
]

# --- database: each process connects with a role of its own ---

DB_ROLES = ("owner", "web", "worker", "gateway")
DB_ROLE = env.text("POWERWATCH_DB_ROLE", "owner")
if DB_ROLE not in DB_ROLES:
    raise ImproperlyConfigured(f"POWERWATCH_DB_ROLE={DB_ROLE!r}: expected one of {DB_ROLES}")


#: Roles whose connections start with every row in sight of row-level security: migrations, seeding
#: and commands (owner), and the tasks, which work for all cities (worker). The web role starts with
#: none and sees what ``walls.enter`` opens for a person; the gateway bypasses the walls (COPY).
SYSTEM_ROLES = ("owner", "worker")


def _database_for(role: str) -> dict[str, object]:
    """Return the connection of a process role: a URL of its own, or SET ROLE on the shared one."""
    own = f"DATABASE_URL_{role.upper()}"
    settings = {"powerwatch.scope": "system"} if role in SYSTEM_ROLES else {}
    if role != "owner" and (url := env.text(own, None)):
        return env.database(url, name=own, settings=settings)
    if role != "owner":
        settings["role"] = f"powerwatch_{role}"
    return env.database(env.text("DATABASE_URL"), name="DATABASE_URL", settings=settings)


DATABASES = {"default": {**_database_for(DB_ROLE), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
if DB_ROLE == "worker":
    # A forked worker process keeps one connection; nothing is pooled across forks.
    DATABASES["default"]["CONN_MAX_AGE"] = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- working days, beside Monday to Friday: see common.workdays ---

HOLIDAYS = env.days("POWERWATCH_HOLIDAYS")
EXTRA_WORKDAYS = env.days("POWERWATCH_EXTRA_WORKDAYS")

# --- broker ---

REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "powerwatch",
    }
}
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None  # nobody waits for a result: the database is the record
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    "alerts.evaluate_changed": {"queue": "evaluate"},
    "alerts.evaluate_clock": {"queue": "evaluate"},
    "alerts.dispatch_notifications": {"queue": "notify"},
    "alerts.sweep_notifications": {"queue": "notify"},
    "meters.run_import": {"queue": "report"},
}
CELERY_BEAT_SCHEDULE = {
    # The gateway rings evaluate_changed after each commit; this finds what a lost ring left.
    "evaluate-changed": {
        "task": "alerts.evaluate_changed",
        "schedule": 3.0,
        "options": {"expires": 3},
    },
    # Rules that fire because nothing came (offline) need a clock, not a reading.
    "evaluate-clock": {
        "task": "alerts.evaluate_clock",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    # Rules of the calendar (certificates, due days); a look that finds nothing is six queries.
    "evaluate-calendar": {
        "task": "alerts.evaluate_calendar",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "dispatch-notifications": {
        "task": "alerts.dispatch_notifications",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "sweep-notifications": {
        "task": "alerts.sweep_notifications",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "count-points": {
        "task": "reports.count_points",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "resume-imports": {"task": "meters.resume_imports", "schedule": 60.0},
    "sweep-files": {"task": "enterprises.sweep_files", "schedule": 86_400.0},
    "sweep-idempotent-answers": {"task": "tenancy.sweep_idempotent_answers", "schedule": 3600.0},
    "make-partitions": {"task": "meters.make_partitions", "schedule": 3600.0},
}

# --- people ---

AUTH_USER_MODEL = "tenancy.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "tenancy.passwords.ClassesValidator", "OPTIONS": {"classes": 3}},
    {"NAME": "tenancy.passwords.NameValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "phone", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "tenancy.passwords.NotOneOfTheLastValidator", "OPTIONS": {"count": 5}},
]
PASSWORD_AGE_DAYS = env.integer("POWERWATCH_PASSWORD_AGE_DAYS", 90, minimum=0)  # 0: never
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "tenancy.signin.Backend"]
# A second factor: "required" of authority staff and the three administrators, or "offered" to all.
SECOND_FACTOR = env.text("POWERWATCH_SECOND_FACTOR", "offered" if DEMO else "required")
if SECOND_FACTOR not in ("required", "offered"):
    raise ImproperlyConfigured(
        f"POWERWATCH_SECOND_FACTOR={SECOND_FACTOR!r}: expected required or offered"
    )
OTP_TOTP_ISSUER = "PowerWatch"
# Sessions end when nobody uses them, and after SESSION_HOURS in any case.
IDLE_MINUTES = env.integer("POWERWATCH_IDLE_MIN", 720 if DEMO else 15, minimum=1)  # authorities
IDLE_MINUTES_OTHERS = env.integer("POWERWATCH_IDLE_OTHERS_MIN", 720 if DEMO else 60, minimum=1)
SESSION_HOURS = env.integer("POWERWATCH_SESSION_HOURS", 12, minimum=1)
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
PROOF_MINUTES = env.integer("POWERWATCH_PROOF_MIN", 10, minimum=1)  # see tenancy.stepup
# Failures under one name rest it, from wherever they come and whether or not anybody has the name.
AXES_FAILURE_LIMIT = env.integer("POWERWATCH_LOCK_AFTER", 5, minimum=1)
AXES_COOLOFF_TIME = timedelta(minutes=env.integer("POWERWATCH_LOCK_MIN", 15, minimum=1))
AXES_LOCKOUT_PARAMETERS = ["username", ["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # nobody is kept out by knocking on
AXES_LOCKOUT_CALLABLE = "tenancy.signin.lockout_answer"
AXES_CLIENT_IP_CALLABLE = "common.addresses.client_address"
AXES_DISABLE_ACCESS_LOG = True  # the audit log has it
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# --- audit ---

# Whether an enterprise sees the names of the people who looked, beside their body and duty.
LOOKS_SHOW_NAMES = env.flag("POWERWATCH_LOOKS_SHOW_NAMES", default=True)
# The law asks for six months of logs; bureaus keep five years (assumption). Nothing deletes them.

# --- language and time ---

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"  # of the screen; PostgreSQL holds timestamptz, that is UTC

# --- files handed in ---

UPLOAD_MAX_BYTES = env.integer("POWERWATCH_UPLOAD_MAX_MB", 20, minimum=1) * 1024 * 1024
UPLOAD_MAX_PIXELS = env.integer("POWERWATCH_UPLOAD_MAX_MEGAPIXELS", 40, minimum=1) * 1_000_000
ATTACHMENTS_QUOTA_BYTES = env.integer("POWERWATCH_ATTACHMENTS_QUOTA_MB", 500, minimum=1) * 1024**2
FILE_UPLOAD_HANDLERS = [
    "common.uploads.BoundedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- static files ---

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# With hashed names: what collectstatic gathered. Without: straight from the finders.
STATIC_MANIFEST = env.flag("POWERWATCH_STATIC_MANIFEST")
STATIC_ROOT = STATE_DIR / "static" if STATIC_MANIFEST else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_MANIFEST
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not STATIC_MANIFEST

# --- security ---

HTTPS = env.flag("POWERWATCH_HTTPS", default=BASE_URL.startswith("https://"))
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = env.flag("POWERWATCH_BEHIND_PROXY")  # then its X-Forwarded-* are believed
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# The prefix binds the cookie to this host and to TLS; browsers refuse it without.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- messages out ---

EMAIL_URL = env.text("POWERWATCH_EMAIL_URL", "")  # smtp://user:password@host:port, smtps://...
EMAIL_FROM = env.text("POWERWATCH_EMAIL_FROM", "powerwatch@localhost")
SMS_URL = env.text("POWERWATCH_SMS_URL", "")
SMS_KEY_ID = env.text("POWERWATCH_SMS_KEY_ID", "")
SMS_SECRET = env.text("POWERWATCH_SMS_SECRET", "")
SMS_TIMEOUT_S = env.integer("POWERWATCH_SMS_TIMEOUT_S", 10, minimum=1)

# --- gateway ---

GATEWAY_COMMIT_MS = env.integer("POWERWATCH_GATEWAY_COMMIT_MS", 100, minimum=1)
GATEWAY_IDLE_S = env.integer("POWERWATCH_GATEWAY_IDLE_S", 600, minimum=10)
GATEWAY_PARTIAL_FRAME_S = env.integer("POWERWATCH_GATEWAY_PARTIAL_FRAME_S", 15, minimum=1)
READINGS_KEPT_DAYS = env.integer("POWERWATCH_READINGS_KEPT_DAYS", 3650, minimum=1)
GATEWAY_MAX_CONNECTIONS = env.integer("POWERWATCH_GATEWAY_MAX_CONNECTIONS", 15000, minimum=1)

# --- API ---

API_BODY_BYTES = env.integer("POWERWATCH_API_BODY_BYTES", 1_000_000, minimum=1_000)
API_TOKEN_DAYS = env.integer("POWERWATCH_API_TOKEN_DAYS", 365, minimum=1)
API_TOKENS_EACH = env.integer("POWERWATCH_API_TOKENS_EACH", 20, minimum=1)
API_IDEMPOTENCY_HOURS = env.integer("POWERWATCH_API_IDEMPOTENCY_HOURS", 24, minimum=1)
#: Requests a minute; 0 means no limit. An address may hold a whole office, a stranger is nobody.
API_RATES = {
    "person": env.integer("POWERWATCH_API_RATE_PERSON", 600, minimum=0),
    "write": env.integer("POWERWATCH_API_RATE_WRITE", 60, minimum=0),
    "address": env.integer("POWERWATCH_API_RATE_ADDRESS", 3000, minimum=0),
    "stranger": env.integer("POWERWATCH_API_RATE_STRANGER", 30, minimum=0),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenancy.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsing.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "common.api.paging.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["common.api.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "common.api.schema.ProblemAutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is not offered: the schema says it all
    "EXCEPTION_HANDLER": "common.api.problems.handle",
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": 1 if BEHIND_PROXY else 0,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": _("PowerWatch API"),
    "DESCRIPTION": _(
        "Power supervision of polluting enterprises. Times are RFC 3339 with their offset; a value"
        " that is not known is null. Errors are problem documents (RFC 9457)."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.0.3",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "DivisionKind": "tenancy.models.DivisionKind",
        "FacilityKind": "enterprises.models.FacilityKind",
        "InstallationStatus": "enterprises.models.InstallationStatus",
        "WorkOrderKind": "meters.models.WorkOrderKind",
        "WorkOrderStatus": "meters.models.WorkOrderStatus",
        "OperatingState": "meters.models.OperatingState",
        "AlertStatus": "alerts.models.AlertStatus",
        "AlertLevel": "alerts.models.Level",
        "OccurrenceState": "alerts.models.OccurrenceState",
        "DeclarationKind": "orders.models.DeclarationKind",
        "DeclarationStatus": "orders.models.DeclarationStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "validatorUrl": None},
    "TAGS": [
        {"name": "me"},
        {"name": "divisions"},
        {"name": "enterprises"},
        {"name": "programme"},
        {"name": "devices"},
        {"name": "readings"},
        {"name": "alerts"},
        {"name": "declarations"},
    ],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"axes": {"level": "ERROR"}},  # the audit log says it, with the person's name
    "root": {"handlers": ["stderr"], "level": env.text("POWERWATCH_LOG_LEVEL", "INFO")},
}
