"""One settings module for every installation; environment variables choose the parts (docs/configuration.md).

Without any variable it is the *embedded* installation: SQLite, a Valkey server from a wheel, the local disk, mail
into a folder that the outbox page shows. `CXR_EMBEDDED=false` is the server installation: it then insists on a
secret key, a database, a broker and a mail server of its own.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from portal.logs import LOGGING as LOGGING  # the logging tree is long enough for its own module

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where things lie -------------------------------------------------------------------------------------------
CXR_EMBEDDED = env.bool("CXR_EMBEDDED", default=True)
CXR_VAR = Path(env.str("CXR_VAR", default=str(BASE_DIR / "var")))
CXR_KEYS_DIR = Path(env.str("CXR_KEYS_DIR", default=str(CXR_VAR / "keys")))
CXR_ORIGIN = env.str("CXR_ORIGIN", default="http://127.0.0.1:8000").rstrip("/")
CXR_ANCHORS_DIR = Path(env.str("CXR_ANCHORS_DIR", default=str(CXR_VAR / "anchors")))


def _secret_key() -> str:
    """The signing key: from the environment, or (embedded) from the keys folder, where one is made."""
    if key := str(env.str("CXR_SECRET_KEY", default="")):
        return key
    if not CXR_EMBEDDED:
        raise ImproperlyConfigured("Set CXR_SECRET_KEY: a server installation has no default key.")
    from portal.keys import ensure_keys

    try:
        return ensure_keys(CXR_KEYS_DIR)["django.key"].read_text().strip()
    except OSError as error:  # the first thing that needs the folder: one line, not a traceback, says what is wrong
        raise SystemExit(f"{CXR_KEYS_DIR} can't be written to ({error.strerror}); set CXR_VAR.") from error


SECRET_KEY = _secret_key()
DEBUG = env.bool("CXR_DEBUG", default=False)
ALLOWED_HOSTS = env.list("CXR_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [CXR_ORIGIN]

# --- Limits and periods that an institute may want to set ---------------------------------------------------------
CXR_MAX_FILE_BYTES = env.int("CXR_MAX_FILE_MB", default=200) * 1024 * 1024
CXR_MAX_FILES_PER_REQUEST = env.int("CXR_MAX_FILES_PER_REQUEST", default=500)
CXR_MAX_FILES_PER_BATCH = env.int("CXR_MAX_FILES_PER_BATCH", default=20_000)
CXR_QUOTA_GB = env.int("CXR_QUOTA_GB", default=200)
CXR_ALLOWED_TYPES = env.list("CXR_ALLOWED_TYPES", default=["dicom", "jpeg", "png", "tiff", "zip"])
CXR_MAX_ZIP_BYTES = env.int("CXR_MAX_ZIP_MB", default=4096) * 1024 * 1024
CXR_MAX_ZIP_FILES = env.int("CXR_MAX_ZIP_FILES", default=20_000)
CXR_MAX_ZIP_RATIO = env.int("CXR_MAX_ZIP_RATIO", default=100)
CXR_MAX_UNPACKED_BYTES = env.int("CXR_MAX_UNPACKED_GB", default=50) * 1024**3
CXR_FREEZE_AT_ONCE = env.int("CXR_FREEZE_AT_ONCE", default=1000)
CXR_PART_BYTES = env.int("CXR_PART_MB", default=550) * 1024 * 1024
CXR_COHORT_MAX_BYTES = env.int("CXR_COHORT_MAX_MB", default=2048) * 1024 * 1024
CXR_COHORT_DAYS = env.int("CXR_COHORT_DAYS", default=7)
CXR_COHORT_KEEP_FREE_BYTES = env.int("CXR_COHORT_KEEP_FREE_MB", default=1024) * 1024 * 1024
CXR_PARTIAL_UPLOAD_DAYS = env.int("CXR_PARTIAL_UPLOAD_DAYS", default=7)
CXR_BATCH_QUIET_MINUTES = env.int("CXR_BATCH_QUIET_MINUTES", default=30)
CXR_STAGE_LEASE_SECONDS = env.int("CXR_STAGE_LEASE_SECONDS", default=600)
CXR_STAGE_MAX_ATTEMPTS = env.int("CXR_STAGE_MAX_ATTEMPTS", default=3)
CXR_SWEEP_SECONDS = env.int("CXR_SWEEP_SECONDS", default=30)
CXR_RETENTION_DAYS = env.int("CXR_RETENTION_DAYS", default=90)
CXR_NAME_RETENTION_DAYS = env.int("CXR_NAME_RETENTION_DAYS", default=30)
# Proof: how often the last event is anchored between the hours, and who gets the anchor of the day by mail.
CXR_ANCHOR_EVERY = env.int("CXR_ANCHOR_EVERY", default=1000)
CXR_ANCHOR_MAIL = env.list("CXR_ANCHOR_MAIL", default=[])
CXR_WEB_THREADS = env.int("CXR_WEB_THREADS", default=16)
CXR_GRANT_DAYS = env.int("CXR_GRANT_DAYS", default=365)
CXR_AGREEMENT_GRACE_DAYS = env.int("CXR_AGREEMENT_GRACE_DAYS", default=30)
CXR_REQUEST_REMINDER_DAYS = env.list("CXR_REQUEST_REMINDER_DAYS", cast=int, default=[3, 7, 14])
CXR_INVITATION_DAYS = env.int("CXR_INVITATION_DAYS", default=14)
# Roles whose people need a second factor (accounts/factors.py).
_mfa_roles = ["hospital_user", "curator", "data_manager"]
CXR_MFA_ROLES = env.list("CXR_MFA_ROLES", default=[] if CXR_EMBEDDED else _mfa_roles)
if unknown := set(CXR_MFA_ROLES) - set(_mfa_roles):
    raise ImproperlyConfigured(f"CXR_MFA_ROLES knows {', '.join(_mfa_roles)}, not {', '.join(sorted(unknown))}.")
# --- The DICOM listener (manage.py dicom_listener); 0: none --------------------------------------------------------
CXR_DICOM_PORT = env.int("CXR_DICOM_PORT", default=0)
CXR_DICOM_HOST = env.str("CXR_DICOM_HOST", default="127.0.0.1" if CXR_EMBEDDED else "0.0.0.0")  # noqa: S104
CXR_DICOM_AE_TITLE = env.str("CXR_DICOM_AE_TITLE", default="CXRCOMMONS")
CXR_DICOM_ASSOCIATIONS = env.int("CXR_DICOM_ASSOCIATIONS", default=10)
CXR_DICOM_TLS_CERT = env.str("CXR_DICOM_TLS_CERT", default="")
CXR_DICOM_TLS_KEY = env.str("CXR_DICOM_TLS_KEY", default="")
CXR_DICOM_TLS_CLIENT_CA = env.str("CXR_DICOM_TLS_CLIENT_CA", default="")
# nginx hands out the archives itself when this names its internal location (deploy/nginx.conf).
CXR_ACCEL_PREFIX = env.str("CXR_ACCEL_PREFIX", default="")
# Links for curl, wget, aria2c; and how many downloads a person may begin in a minute.
CXR_LINK_MINUTES = env.int("CXR_LINK_MINUTES", default=720)
CXR_DOWNLOADS_PER_MINUTE = env.int("CXR_DOWNLOADS_PER_MINUTE", default=300)
# The archives in S3, or what speaks like it. The key comes from where boto3 looks for it: AWS_ACCESS_KEY_ID, a role ...
CXR_S3_BUCKET = env.str("CXR_S3_BUCKET", default="")
CXR_S3_ENDPOINT = env.str("CXR_S3_ENDPOINT", default="")
CXR_S3_REGION = env.str("CXR_S3_REGION", default="")
CXR_S3_LINK_SECONDS = env.int("CXR_S3_LINK_SECONDS", default=300)

# --- Applications -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal",
    "audit",
    "accounts",
    "datasets",
    "intake",
    "curation",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.sites",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.orcid",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "django_vite",
    "drf_spectacular",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.BackOfficePolicy",
    "portal.middleware.ProviderPolicy",
    "portal.middleware.NoNullCharacters",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.denials.Denials",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SecondFactor",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
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
                "portal.context.navigation",
            ],
        },
    },
]

# --- Database: the truth ------------------------------------------------------------------------------------------
if not CXR_EMBEDDED and not env.str("CXR_DATABASE_URL", default=""):
    raise ImproperlyConfigured("Set CXR_DATABASE_URL: a server installation keeps its data in PostgreSQL.")
DATABASES = {"default": env.db_url("CXR_DATABASE_URL", default=f"sqlite:///{CXR_VAR}/portal.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CXR_DATABASE_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Without IMMEDIATE a transaction that reads and then writes fails at once when another one writes.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
    }
    # Tests share the database with worker processes, so it is a file there too.
    DATABASES["default"]["TEST"] = {"NAME": str(CXR_VAR / "test.sqlite3")}
elif not CXR_EMBEDDED:
    DATABASES["default"]["OPTIONS"] = {"application_name": "cxr-commons"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Broker and cache: a hint -------------------------------------------------------------------------------------
CXR_REDIS_URL = env.str("CXR_REDIS_URL", default="")
CXR_VALKEY_SOCKET = CXR_VAR / "run" / "valkey.sock"
if not CXR_REDIS_URL and not CXR_EMBEDDED:
    raise ImproperlyConfigured("Set CXR_REDIS_URL: a server installation does not start a broker of its own.")
CELERY_BROKER_URL = CXR_REDIS_URL or f"redis+socket://{CXR_VALKEY_SOCKET}"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task (an archive), or a task would run twice at the same time.
    "visibility_timeout": env.int("CXR_VISIBILITY_TIMEOUT", default=6 * 3600),
    # A task of a killed worker comes back in seconds instead of minutes.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
}
CELERY_TASK_TIME_LIMIT = env.int("CXR_TASK_TIME_LIMIT", default=5 * 3600)
CELERY_BEAT_SCHEDULE_FILENAME = str(CXR_VAR / "run" / "beat")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CXR_REDIS_URL or f"unix://{CXR_VALKEY_SOCKET}?db=1",
        "KEY_PREFIX": "cxr",
    }
}

# --- Files --------------------------------------------------------------------------------------------------------
# quarantine: age-encrypted originals; candidates: de-identified, not judged yet; library: accepted; archives: built.
STORAGES = {
    name: {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(CXR_VAR / "files" / name),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }
    for name in ("quarantine", "candidates", "library", "archives")
}
if CXR_S3_BUCKET:
    STORAGES["archives"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": CXR_S3_BUCKET,
            "endpoint_url": CXR_S3_ENDPOINT or None,
            "region_name": CXR_S3_REGION or None,
            "signature_version": "s3v4",
            "querystring_expire": CXR_S3_LINK_SECONDS,
            "file_overwrite": False,
        },
    }
STORAGES["default"] = STORAGES["library"]
STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"}
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("CXR_STATIC_ROOT", default=str(BASE_DIR / "build" / "static")))
STATICFILES_DIRS = [BASE_DIR / "assets" / "dist"]
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "assets" / "dist" / "manifest.json"}}
# Uploaded bytes never touch the disk unencrypted: intake.uploadhandler seals them as they arrive.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = CXR_MAX_FILES_PER_REQUEST
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10 * CXR_MAX_FILES_PER_REQUEST

# --- People -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SITE_ID = 1
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.RegistrationForm"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[CXR Commons] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if CXR_ORIGIN.startswith("https") else "http"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ADAPTER = "accounts.adapter.MFAAdapter"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "CXR Commons"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = CXR_EMBEDDED
SOCIALACCOUNT_PROVIDERS = env.json("CXR_SOCIAL_PROVIDERS", default={})
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_ADAPTER = "accounts.adapter.SocialAccountAdapter"

# --- Mail ---------------------------------------------------------------------------------------------------------
CXR_OUTBOX = CXR_VAR / "outbox"
if CXR_EMBEDDED and not env.str("CXR_EMAIL_URL", default=""):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(CXR_OUTBOX)
else:
    vars().update(env.email_url("CXR_EMAIL_URL"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("CXR_FROM_EMAIL", default="CXR Commons <noreply@localhost>")
# The outbox page shows every mail to everyone on this machine: only where mail goes nowhere else.
CXR_OUTBOX_PAGE = EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend"

# --- Languages, time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("pl", _("Polish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("CXR_TIME_ZONE", default="UTC")
USE_TZ = True

# --- Security -----------------------------------------------------------------------------------------------------
_https = CXR_ORIGIN.startswith("https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31536000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.bool("CXR_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Rate limits count the visitor's address, not the proxy's; nginx sets X-Forwarded-For to that one address.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# --- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # Denied by default: a view that is public or open to a role says so itself.
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.Denied"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_THROTTLE_RATES": {},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CXR Commons",
    "DESCRIPTION": "Chest radiographs shared responsibly: catalogue, access, upload, curation and download.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Two fields of the API are called "status"; each gets a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "RequestStatusEnum": "accounts.models.AccessRequest.Status",
        "ReleaseStatusEnum": "datasets.models.Release.Status",
    },
}
UNFOLD = {"SITE_TITLE": "CXR Commons", "SITE_HEADER": "CXR Commons", "SITE_URL": "/"}
