"""The data managers' pages: which archives (PACS) of which hospitals may send by C-STORE."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import is_data_manager, required
from intake.listener.forms import NodeForm
from intake.models import DicomNode
from intake.services.nodes import save_node


@required(is_data_manager)
@require_safe
def nodes(request: HttpRequest) -> HttpResponse:
    listed = DicomNode.objects.select_related("hospital", "dataset", "group", "user")
    listener = {
        "port": settings.CXR_DICOM_PORT,
        "title": settings.CXR_DICOM_AE_TITLE,
        "tls": bool(settings.CXR_DICOM_TLS_CERT),
    }
    return render(request, "intake/nodes.html", {"nodes": listed, "listener": listener})


@required(is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def node_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """A new one, or the one that `pk` names."""
    node = get_object_or_404(DicomNode, pk=pk) if pk is not None else None
    form = NodeForm(request.POST or None, instance=node)
    if request.method == "POST" and form.is_valid():
        saved = save_node(form.save(commit=False), manager=request.user)
        messages.success(request, _("%(title)s is saved.") % {"title": saved.ae_title})
        return redirect("intake:nodes")
    return render(request, "intake/node_edit.html", {"form": form, "node": node})
