"""The one settings module. Every value that differs between places is read from the environment.

``docs/operators/settings.md`` lists the variables. Times are UTC in the database and
Asia/Shanghai on screen; both are fixed, not settings.
"""

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
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_filters",
    "rest_framework",
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
    "common.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
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


def _database_for(role: str) -> dict[str, object]:
    """Return the connection of a process role: a URL of its own, or SET ROLE on the shared one."""
    own = f"DATABASE_URL_{role.upper()}"
    if role != "owner" and (url := env.text(own, None)):
        return env.database(url, name=own)
    return env.database(
        env.text("DATABASE_URL"),
        name="DATABASE_URL",
        role=None if role == "owner" else f"powerwatch_{role}",
    )


DATABASES = {"default": {**_database_for(DB_ROLE), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
if DB_ROLE == "worker":
    # A forked worker process keeps one connection; nothing is pooled across forks.
    DATABASES["default"]["CONN_MAX_AGE"] = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
    "make-partitions": {"task": "meters.make_partitions", "schedule": 3600.0},
}

# --- people ---

AUTH_USER_MODEL = "tenancy.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# --- audit ---

# Whether an enterprise sees the names of the people who looked, beside their body and duty.
LOOKS_SHOW_NAMES = env.flag("POWERWATCH_LOOKS_SHOW_NAMES", default=True)
# The law asks for six months of logs; bureaus keep five years (assumption). Nothing deletes them.
AUDIT_KEPT_YEARS = env.integer("POWERWATCH_AUDIT_KEPT_YEARS", 5, minimum=1)

# --- language and time ---

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"  # of the screen; PostgreSQL holds timestamptz, that is UTC

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
if env.flag("POWERWATCH_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
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

REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("POWERWATCH_LOG_LEVEL", "INFO")},
}
