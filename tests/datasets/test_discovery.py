from xml.etree import ElementTree

from django.test import Client
from django.urls import reverse

from datasets.models import Dataset
from tests.world import World

_LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def addresses(client: Client) -> set[str]:
    response = client.get("/sitemap.xml")
    assert response["Content-Type"].startswith("application/xml")
    return {str(one.text) for one in ElementTree.fromstring(response.content).iter(_LOC)}


def test_the_site_map_has_what_visitors_see(client: Client, world: World) -> None:
    dataset = f"http://testserver{reverse('datasets:detail', args=['example'])}"
    release = f"http://testserver{reverse('datasets:release', args=['example', '1.0'])}"
    assert addresses(client) == {dataset, release}
    world.release.status = "building"
    world.release.save()
    assert addresses(client) == {dataset}
    Dataset.objects.update(is_public=False)
    assert addresses(client) == set()


def test_robots_learn_of_the_site_map_and_leave_the_rest_alone(client: Client, db: None) -> None:
    lines = client.get("/robots.txt").content.decode().splitlines()
    assert "Sitemap: http://testserver/sitemap.xml" in lines
    assert {"Disallow: /api/", "Disallow: /manage/", "Disallow: /links/"} <= set(lines)
