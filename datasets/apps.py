from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DatasetsConfig(AppConfig):
    name = "datasets"
    verbose_name = _("Datasets")

    def ready(self) -> None:
        from accounts.own_data import register
        from datasets.own_data import cohort_orders, cohorts, downloads, forget_reports, reports
        from datasets.services.cohort_archives import end_orders

        register("downloads", downloads)
        register("reports", reports, forget=forget_reports)
        register("cohorts", cohorts)
        register("cohort_orders", cohort_orders, forget=end_orders)
