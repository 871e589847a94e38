from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Dataset


class Citation(models.Model):
    """What citations and metadata for machines say of a dataset beside its own words. Releases freeze it."""

    dataset = models.OneToOneField(Dataset, primary_key=True, on_delete=models.CASCADE, related_name="citation_facts")
    creators = models.JSONField(
        default=list, help_text=_("In order: family (or an organisation's name), given, orcid, affiliation, ror.")
    )
    publisher = models.CharField(_("publisher"), max_length=200, blank=True)
    keywords = models.JSONField(default=list)
    funding = models.JSONField(default=list, help_text=_("In order: funder, award, title."))
    publications = models.JSONField(default=list, help_text=_("In order: doi, title, relation."))
    contact = models.EmailField(_("contact"), blank=True)
    doi = models.CharField(_("DOI of the dataset, all versions"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("citation facts")
        verbose_name_plural = _("citation facts")

    def __str__(self) -> str:
        return f"citation of {self.dataset_id}"

    def frozen(self) -> dict[str, Any]:
        """The facts by name, as a release keeps them in `about["citing"]`."""
        return {name: getattr(self, name) for name in FACTS}


FACTS = ("creators", "publisher", "keywords", "funding", "publications", "contact", "doi")
