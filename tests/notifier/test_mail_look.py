"""How the mail looks in a browser, light and dark, wide and narrow: the page is rendered, and measured there.

`KEEP_SCREENSHOTS=folder` keeps pictures of what was measured, for people.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.notifier.channels.mail_message import COLOURS, Envelope, mail
from pipeline.notifier.message import Notification
from tests.notifier.notices import AT_MS, alert, nasty, notification, over, resolved

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
ENVELOPE = Envelope("alerts@example.com", ("a@example.com",), link="https://grafana.example.com/d/checkout")
FIRING = notification(alerts=(alert(), alert(severity="warning", state="recovering"), over()), omitted=4)
LONG = "x" * 300
UNBROKEN = notification(
    title=LONG, alerts=(alert(summary=LONG, series=LONG, rule=LONG, sql=LONG, labels={LONG: LONG}),)
)
NOTICES = {
    "unbroken": UNBROKEN,
    "firing": FIRING,
    "resolved": resolved(),
    "nasty": nasty(),
    "info": notification(severity="info", alerts=()),
}
KEPT = os.environ.get("KEEP_SCREENSHOTS", "")
READABLE = 4.5
"""The least contrast between text and ground: Web Content Accessibility Guidelines 2.2, 1.4.3, level AA."""

# Says of the rendered page how wide it is, and how far each text stands out from what is behind it.
MEASURE = """
<script>
const channels = (text) => text.match(/[0-9.]+/g).map(Number);
const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = channels(getComputedStyle(at).backgroundColor);
    if (found.length === 3 || found[3] > 0) return found;
  }
  return [255, 255, 255];
};
const texts = [];
for (const element of document.body.querySelectorAll('*')) {
  const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
  if (!own || element.tagName === 'SCRIPT' || element.getBoundingClientRect().height < 2) continue;
  const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
  texts.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), own.slice(0, 60)]);
}
const seen = { width: document.documentElement.scrollWidth, window: innerWidth, texts,
  page: channels(getComputedStyle(document.body).backgroundColor),
  heads: [...document.querySelectorAll('td')].filter((cell) => cell.style.background)
    .map((cell) => getComputedStyle(cell).backgroundColor) };
document.title = JSON.stringify(seen);
</script></body>"""

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium here: the mail is not looked at")


def rendered(name: str, folder: Path, *, dark: bool = False, width: int = 800) -> dict[str, Any]:
    """Return what the browser measured of a mail's HTML."""
    body = mail(NOTICES[name], ENVELOPE, AT_MS).get_body(("html",))
    assert body is not None
    page = folder / "mail.html"
    page.write_text(str(body.get_content()).replace("</body>", MEASURE), encoding="utf-8")
    common = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"),
        *(f"--user-data-dir={folder / 'profile'}", "--disable-background-networking", f"--window-size={width},1600"),
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    ]
    if KEPT:
        picture = Path(KEPT) / f"mail-{name}-{'dark' if dark else 'light'}-{width}.png"
        subprocess.run(
            [*common, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True, timeout=120
        )
    dumped = subprocess.run(
        [*common, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True, timeout=120
    )
    found = re.search(r"<title>(.*?)</title>", dumped.stdout, re.DOTALL)
    assert found is not None
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen


def measured(notice: Notification) -> int:
    """Return how many texts a mail at least has to have been measured."""
    return 4 + 10 * len(notice.alerts)


@pytest.mark.parametrize("name", NOTICES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable_by_day_and_by_night(name: str, dark: object, tmp_path: Path) -> None:
    seen = rendered(name, tmp_path, dark=bool(dark))
    assert [one for one in seen["texts"] if one[0] < READABLE] == []
    assert len(seen["texts"]) >= measured(NOTICES[name])
    assert (sum(seen["page"][:3]) < 200) is bool(dark)


def test_the_head_has_the_colour_of_the_severity(tmp_path: Path) -> None:
    red, green, blue = bytes.fromhex(COLOURS["critical"][1:])
    assert rendered("firing", tmp_path)["heads"][0] == f"rgb({red}, {green}, {blue})"


@pytest.mark.parametrize("name", NOTICES)
def test_it_fits_a_small_window(name: str, tmp_path: Path) -> None:
    seen = rendered(name, tmp_path, width=500)  # the browser's windows are no narrower
    assert seen["window"] == 500
    assert seen["width"] <= seen["window"]
