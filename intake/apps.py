from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntakeConfig(AppConfig):
    name = "intake"
    verbose_name = _("Intake")

    def ready(self) -> None:
        from accounts.own_data import register
        from intake.own_data import nodes, uploads

        register("uploads", uploads)
        register("pacs", nodes)
